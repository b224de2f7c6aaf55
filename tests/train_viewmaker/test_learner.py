"""The learner: both schemes, every arm and objective, and what it says of its views."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from losses.one_directional import one_directional_loss
from tests.files import user_error
from train_viewmaker import objectives
from train_viewmaker.inputs import ArrayInputs
from train_viewmaker.learner import ViewLearner, make_encoder
from train_viewmaker.options import ARMS, OBJECTIVES
from train_viewmaker.signs import PATIENCE, Watch, describe_views

from .small import CPU, learner, options, same_state


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_a_step_is_one_loss_and_two_directions():
    """A step written out: SGD down, and Adam up, the loss of one pair of views."""
    ours, plain = learner(), learner()
    encoder, viewmaker = plain.encoder, plain.viewmaker
    batch = plain.inputs.batch(0)
    views, _ = plain._views(batch, plain.inputs.plain(batch).repeat(2, 1, 1, 1), 0)
    assert views.min() >= 0 and views.max() <= 1
    zx, zy = (encoder((half - plain.inputs.mean) / plain.inputs.std) for half in views.chunk(2))
    loss = one_directional_loss(zx, zy, 0.07)
    loss.backward()
    for p in viewmaker.parameters():
        p.grad.neg_()
    torch.optim.SGD(encoder.parameters(), 0.03, momentum=0.9, weight_decay=1e-4).step()
    torch.optim.Adam(viewmaker.parameters(), 1e-3).step()
    values = ours.step(0)
    assert values["view_loss"] == -values["loss"]
    assert values["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    torch.testing.assert_close(weights(ours.encoder), weights(encoder), rtol=1e-3, atol=1e-5)
    assert (weights(ours.viewmaker) - weights(viewmaker)).abs().mean() < 2e-5  # Adam's first step is ± 1e-3


@pytest.mark.parametrize("adversary", ["all", "alignment"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_pass_and_two_agree_where_they_should(objective, adversary):
    """The encoder takes the same first step; so does the viewmaker, if its pass sees the same noise and encoder."""
    one, two, alone = (learner(objective=objective, adversary=adversary, scheme=scheme)
                       for scheme in ("one-pass", "two-pass", "two-pass"))
    first, second = one.step(0), two.step(0)
    assert first["loss"] == pytest.approx(second["loss"].item(), rel=1e-5)
    torch.testing.assert_close(weights(one.encoder), weights(two.encoder), rtol=1e-4, atol=1e-6)
    assert (weights(one.viewmaker) - weights(two.viewmaker)).abs().mean() > 2e-5  # other noise, a moved encoder
    batch = alone.inputs.batch(0)
    alone._pass(0, batch, alone._starts(batch), 0, alone.adversary)
    assert (weights(one.viewmaker) - weights(alone.viewmaker)).abs().mean() < 2e-5
    before = learner()
    assert torch.equal(weights(alone.encoder), weights(before.encoder))


@pytest.mark.parametrize("adversary", ["all", "alignment"])
def test_the_viewmaker_climbs(adversary):
    climbing = learner(lr=0.0, weight_decay=0.0, adversary=adversary, view_lr=3e-3)
    batch = climbing.inputs.batch(0)
    starts = climbing._starts(batch)
    heights = [climbing._pass(0, batch, starts, 0, climbing.adversary)["view_loss"].item() for _ in range(6)]
    assert heights[-1] < heights[0]


@pytest.mark.parametrize("changes", [
    *[{"views": arm} for arm in ARMS], *[{"objective": objective} for objective in OBJECTIVES[1:]],
    {"objective": "inst-disc", "scheme": "two-pass", "optimizer": "muon", "lr": 1e-3, "cosine": True},
    {"views": "both", "spectral": True, "precision": "bfloat16", "batch_norm": "joint", "adversary": "alignment"}])
def test_a_state_that_was_taken_up_goes_on_the_same(changes):
    whole, parts = learner(**changes), learner(**changes)
    for step in range(2):
        whole.step(step)
    parts.load_state(copy.deepcopy(whole.state()))
    for step in range(2, 4):  # over the end of an epoch, whose last batch is smaller
        assert whole.step(step) == parts.step(step)
    assert same_state(whole.state(), parts.state())
    assert ("viewmaker" in whole.state()) == (changes.get("views", "learned") in ("learned", "both"))


def test_arms_start_from_what_they_say():
    def starts(**changes):
        one = learner(**changes)
        batch = one.inputs.batch(0)
        return one, batch, one._starts(batch).chunk(2)

    one, batch, (x, y) = starts(views="learned")
    assert torch.equal(x, y) and x.shape == (6, 3, 16, 16)
    pillow = Image.fromarray(batch.stored[0].numpy()).resize((16, 16), Image.Resampling.BILINEAR)
    assert (255 * x[0].permute(1, 2, 0) - torch.from_numpy(np.array(pillow))).abs().max() < 2
    for arm in ("expert", "both"):
        one, batch, (x, y) = starts(views=arm)
        assert torch.equal(x, one.inputs.expert(batch, 0)) and torch.equal(y, one.inputs.expert(batch, 1))
        assert (x - y).abs().mean() > 0.05

    one, batch, (x, y) = starts(views="hard")
    drawn = [one.inputs.expert(batch, draw) for draw in range(4)]
    embedded = [F.normalize(one.encoder(one._normalised(view)).detach(), dim=1) for view in drawn]
    for i in range(6):
        _, j, k = min((float(embedded[j][i] @ embedded[k][i]), j, k) for j in range(4) for k in range(j + 1, 4))
        assert torch.equal(x[i], drawn[j][i]) and torch.equal(y[i], drawn[k][i])


class Tiny(nn.Module):
    """An encoder of anything."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                  nn.Flatten(), nn.Linear(8, objectives.DIMENSIONS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize("views", ["learned", "both"])
def test_any_tensors_are_inputs(views):
    """Two channels of 8 × 12 numbers of any size; experts shift them."""
    array = 100 * torch.randn(7, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    chosen = options(views=views, budget=20.0, batch_size=7)
    inputs = ArrayInputs(array, chosen, lambda x, key, indices: x.roll(key % 5, 3), (0.0, 0.0), (100.0, 100.0), CPU)
    one = ViewLearner(chosen, inputs, Tiny(2), CPU)
    values = [one.step(number) for number in range(2)][-1]
    assert values["delta_mean"] == pytest.approx(20, rel=0.02) and values["clamped"] == 0
    user_error("takes inputs of 3 channels, not 2", make_encoder, chosen, 2)
    user_error("divisible by 4, not 10", ArrayInputs, array[:, :, :, :10], chosen, None, (0.0,), (1.0,), CPU)


def test_the_numbers_said_of_views():
    delta = torch.zeros(4, 1, 2, 2)
    delta[:, 0, 0] = torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 1]])
    moved = torch.full((4, 1, 2, 2), 0.25) + delta
    said = describe_views(delta, moved, moved.clamp(0, 1))
    root = 0.5**0.5
    for name, value in {"delta_mean": 5 / 16, "delta_max": 1, "clamped": 5 / 16, "cos_noises": (root + 1) / 2,
                        "cos_inputs": 0}.items():
        assert said[name].item() == pytest.approx(value, abs=1e-6), name


def test_failures_are_named_once(capsys):
    watch = Watch(0.4)
    for number in range(3 * PATIENCE):
        watch(number, {"blind": number > 100, "one_delta": number % 50 != 0})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and f"warning: for {PATIENCE} steps, up to {101 + PATIENCE}, the loss is" in lines[0]
    assert "Lower --budget (now 0.4)" in lines[0]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_views_that_tell_nothing_show(objective):
    """Noise in place of views, seen by an encoder that spreads its embeddings over the sphere."""
    blind = learner(objective=objective, batch_size=14, negatives=4096)
    blind.model = lambda x, y: torch.randn(2, len(x), objectives.DIMENSIONS,
                                           generator=torch.Generator().manual_seed(0)).requires_grad_()
    blind._gradients = lambda *terms: None
    assert blind.step(0)["blind"] == 1


def test_one_perturbation_for_all_noises_shows():
    failing = learner()
    nn.init.zeros_(failing.viewmaker.up[2].weight)
    assert failing.step(0)["one_delta"] == 1 and learner().step(0)["one_delta"] == 0


def test_the_bank_remembers():
    one = learner(objective="inst-disc")
    before, indices = one.bank.rows.clone(), one.inputs.batch(0).indices
    torch.testing.assert_close(before.norm(dim=1), torch.ones(14))
    one.step(0)
    moved = (one.bank.rows != before).any(1).numpy()
    assert sorted(np.flatnonzero(moved)) == sorted(indices)
    torch.testing.assert_close(one.bank.rows.norm(dim=1), torch.ones(14))
    assert torch.equal(before, learner(objective="inst-disc").bank.rows)
    assert not torch.equal(before, learner(objective="inst-disc", seed=1).bank.rows)


def test_a_bank_larger_than_memory():
    chosen = options(objective="inst-disc")
    user_error("memory bank of 10,000,000,000,000 inputs takes", objectives.Bank, 10**13, False, chosen, CPU)
    user_error("pass --samples", objectives.Bank, 10, True, chosen, CPU)
