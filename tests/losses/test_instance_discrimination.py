"""Instance discrimination against loops, and how memories move."""

import math

import pytest
import torch
from torch.nn import functional as F

from losses.instance_discrimination import instance_loss, moved_memory


def rows(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_it_is_what_is_written():
    x, bank, own = rows(3, 0), rows(9, 1), torch.tensor([4, 0, 8])
    negatives = torch.tensor([[1, 1, 2, 4], [3, 3, 3, 3], [0, 5, 6, 7]])  # also twice, also its own
    expected = 0.0
    for i in range(3):
        others = sum(math.exp(x[i] @ bank[j] / 0.3) for j in negatives[i])
        expected -= (x[i] @ bank[own[i]] / 0.3 - (math.log(others) - math.log(4))) / 3
    x.requires_grad_()
    loss = instance_loss(x, bank, own, negatives, 0.3)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    assert x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_one_point_is_zero():
    bank = rows(1, 0).expand(9, 4)
    loss = instance_loss(bank[:3], bank, torch.arange(3), torch.zeros(3, 5, dtype=torch.int64))
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_memories_stay_on_the_sphere():
    memory, x = rows(3, 0), rows(3, 1)
    assert torch.allclose(moved_memory(memory, x, 1.0), memory) and torch.allclose(moved_memory(memory, x, 0.0), x)
    half = moved_memory(memory, x, 0.5)
    torch.testing.assert_close(half, F.normalize(memory + x, dim=1))
