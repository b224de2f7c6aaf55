"""The released form of SimCLR's loss against loops, and its two ends."""

import math

import pytest
import torch
from torch.nn import functional as F

from losses.one_directional import one_directional_loss


def rows(seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


@pytest.mark.parametrize("t", [0.07, 1.0])
def test_it_is_what_is_written(t):
    a, b, total = rows(0), rows(1), 0.0
    for i in range(6):
        others = sum(math.exp(a[i] @ a[j] / t) + math.exp(a[i] @ b[j] / t) for j in range(6))
        total -= (a[i] @ b[i] / t - (math.log(others) - math.log(12))) / 6
    assert one_directional_loss(a, b, t).item() == pytest.approx(total.item(), rel=1e-9)


def test_both_ends():
    point, apart = rows(0)[:1].expand(6, 4), torch.eye(6)
    assert one_directional_loss(point, point).item() == pytest.approx(0, abs=1e-9)
    assert one_directional_loss(apart, apart).item() == pytest.approx(-math.log(6), abs=1e-4)
