"""Muon: orthogonal steps for convolutions, AdamW's for the rest, and a state that goes on."""

import copy

import pytest
import torch
from torch import nn

from training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(6, 27), (40, 9), (16, 16)])
def test_orthogonal_keeps_directions_and_levels_their_sizes(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    turned = u.T @ orthogonal(matrix).double() @ v.T  # diagonal, if the singular vectors are kept
    assert (turned - turned.diagonal().diag()).abs().max() < 1e-4
    assert turned.diagonal().min() > 0.6 and turned.diagonal().max() < 1.3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon came with torch 2.9")
def test_steps_are_those_of_torchs_muon():
    ours, theirs = (nn.Parameter(torch.full((8, 3, 3, 3), 0.1)) for _ in range(2))
    flat = nn.Parameter(theirs.detach().flatten(1).clone())
    rule = Muon([ours], lr=0.001, weight_decay=0.1)
    reference = torch.optim.Muon([flat], lr=0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    rng = torch.Generator().manual_seed(0)
    for _ in range(4):
        gradient = torch.randn(8, 3, 3, 3, generator=rng)
        before = ours.detach().clone()
        # theirs keeps (1 - momentum) of each gradient, which orthogonal steps do not see
        ours.grad, flat.grad = gradient.clone(), gradient.flatten(1).clone()
        rule.step()
        reference.step()
        moved = (ours - before).abs().mean()
        assert (ours.detach().flatten(1) - flat.detach()).abs().max() < 0.3 * moved  # theirs rounds to bfloat16


@pytest.mark.parametrize(("linear", "as_by_adamw"), [(False, [False, True, True, True]),
                                                     (True, [False, True, False, True])])
def test_the_rest_takes_adamws_steps_and_a_loaded_state_goes_on(linear, as_by_adamw):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    images = torch.randn(5, 3, 8, 8)

    def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            model(images).square().mean().backward()
            optimizer.step()

    one, two, plain = (copy.deepcopy(model) for _ in range(3))
    optimizer = Muon(one.parameters(), lr=0.01, linear=linear)
    train(one, optimizer, 1)
    train(plain, torch.optim.AdamW(plain.parameters(), lr=0.01), 1)
    same = [torch.equal(a, b) for a, b in zip(one.parameters(), plain.parameters(), strict=True)]
    assert same == as_by_adamw

    two.load_state_dict(one.state_dict())
    resumed = Muon(two.parameters(), lr=0.01, linear=linear)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(one, optimizer, 2)
    train(two, resumed, 2)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
