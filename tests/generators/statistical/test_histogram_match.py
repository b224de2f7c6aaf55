"""Histogram matching: tables against ranks, numba against torch."""

import numpy as np
import pytest
import torch

from generators.statistical.histogram_match import BINS, Histograms, histograms, match_histograms, match_on_gpu
from tests.generators.plain_statistics import match_by_ranks


def distance(values: np.ndarray, goal: Histograms, row: int) -> float:
    """Largest difference of distribution functions: of the values and of one histogram (Kolmogorov and Smirnov)."""
    edges = goal.low[row].item() + goal.step[row].item() * np.arange(goal.cumulative.shape[1])
    height = np.interp(np.sort(values), edges, goal.cumulative[row].numpy())
    ranks = np.arange(len(values) + 1) / len(values)
    return max(abs(height - ranks[1:]).max(), abs(height - ranks[:-1]).max())


@pytest.fixture
def values() -> torch.Tensor:
    """A bell, a sharp peak with long tails as wavelet bands have, a bell with one value far off, and 256 levels."""
    rng = np.random.default_rng(0)
    bell, tails = rng.normal(size=4096), rng.gamma(2, size=4096) ** 2 * rng.choice([-4, 4], 4096)
    rows = [bell, tails.clip(-200, 200), np.append(bell[1:], 50), rng.integers(0, 256, 4096) / 256]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


@pytest.fixture
def goal() -> Histograms:
    """A smooth one, one with gaps, a sharp peak, a bell."""
    rng = np.random.default_rng(1)
    rows = [rng.gamma(2, size=20_000), rng.integers(0, 5, 20_000) + 0.1 * rng.random(20_000),
            rng.laplace(size=20_000) ** 3, 100 + rng.normal(size=20_000)]
    return histograms(np.stack(rows).astype(np.float32), 300)


def test_histograms_are_those_of_numpy(values):
    found = histograms(values.numpy(), 64)
    for row in range(len(values)):
        counts, edges = np.histogram(values[row].numpy(), 64)
        # Rounding may put a value that lies on an edge into the next bin.
        np.testing.assert_allclose(np.diff(found.cumulative[row].numpy()) * 4096, counts, atol=65)
        assert abs(found.cumulative[row].numpy()[1:] * 4096 - np.cumsum(counts)).max() <= 64
        assert found.low[row] == edges[0] and found.step[row].item() == pytest.approx(np.diff(edges).mean(), rel=1e-5)


def test_values_take_the_histogram(values, goal):
    before = histograms(values.numpy(), BINS)
    found = match_histograms(values.clone(), goal)
    for row in range(len(values)):
        # Distribution functions are equal at the edges of the bins, so the values of one bin bound the error, and the
        # values of one level cannot be pulled apart.
        fullest = np.diff(before.cumulative[row].numpy()).max()
        assert distance(found[row].numpy(), goal, row) <= fullest + 2e-4


def test_tables_equal_ranks(values, goal):
    found = match_histograms(values.clone(), goal)
    for row in range(len(values)):
        edges = goal.low[row].item() + goal.step[row].item() * np.arange(301)
        expected = match_by_ranks(values[row].numpy(), np.diff(goal.cumulative[row].numpy()), edges)
        # Within a bin of the values a straight line stands for their ranks. In a goal of 300 bins that moves a value by
        # less than one on average, though by many where the goal has long tails or gaps.
        assert abs(found[row].numpy() - expected).mean() < goal.step[row]


def test_order_is_kept(values, goal):
    found = match_histograms(values.clone(), goal)
    for row in range(len(values)):
        assert (np.diff(found[row].numpy()[np.argsort(values[row].numpy())]) >= -1e-4).all()


def test_numba_equals_torch(values, goal):
    on_gpu = match_on_gpu(values, goal)
    on_cpu = match_histograms(values.clone(), goal)
    assert ((on_gpu - on_cpu).abs() <= 0.01 * goal.step[:, None]).all()  # float32 digits of a hundredth of a bin


def test_flat_rows_stay_flat_and_finite(goal):
    flat = torch.full((4, 100), 3.0)
    for found in (match_histograms(flat.clone(), goal), match_on_gpu(flat, goal)):
        assert found.isfinite().all() and (found == found[:, :1]).all()
    one = histograms(flat.numpy(), 8)
    assert (match_histograms(torch.randn(4, 100), one) == 3).all()
