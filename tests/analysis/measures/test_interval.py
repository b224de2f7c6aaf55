"""Bootstrap intervals hold what they claim."""

import numpy as np
import pytest
from scipy import stats

from analysis.measures.interval import estimate, linear_estimate


def test_mean_is_scipys_bootstrap():
    rows = np.random.default_rng(0).exponential(size=80)
    found = estimate(rows)
    expected = stats.bootstrap((rows,), np.mean, method="percentile", n_resamples=5000,
                               rng=np.random.default_rng(1)).confidence_interval
    assert found.value == pytest.approx(rows.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.05)  # 4 s.e. of the ends
    assert estimate(rows) == found


def test_interval_covers():
    rng = np.random.default_rng(0)
    covered = sum(low <= np.log(2) <= high for _, low, high in (
        estimate(rng.normal(2, 1, size=(60, 1)), lambda means: np.log(means[..., 0])) for _ in range(200)))
    assert covered >= 200 * 0.95 - 4 * 3.1  # binomial, standard deviation 3.1


def test_first_order_expansion_is_the_bootstrap():
    rows = np.random.default_rng(0).normal(3, 1, size=400)
    direct = estimate(rows, lambda means: np.square(means[..., 0]))
    linear = linear_estimate(rows.mean() ** 2, 2 * rows.mean() * rows)
    assert np.allclose(direct, linear, atol=0.02)
