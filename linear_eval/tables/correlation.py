"""Spearman's rank correlation between our accuracies and published ones."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

FEWEST = 3  # datasets that make a ranking
PERMUTATIONS = RESAMPLES = 20_000


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Spearman's rho and its two-sided p-value over permutations, the same for the same numbers; (nan, 1) if all
    numbers on a side are equal."""
    if min(len(set(a)), len(set(b))) == 1:
        return float("nan"), 1.0
    others = stats.zscore(stats.rankdata(b))
    found = stats.permutation_test((stats.zscore(stats.rankdata(a)),), lambda x, axis: (x * others).mean(axis),
                                   permutation_type="pairings", vectorized=True, n_resamples=PERMUTATIONS,
                                   random_state=0)
    return float(found.statistic), float(found.pvalue)


def rank_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """95 % interval of Spearman's rho by bootstrap over the datasets (percentiles), the same for the same numbers.

    Resamples in which one side is all equal have no rho and are left out; (nan, nan) if all are such.
    """
    rows = np.random.default_rng(0).integers(len(a), size=(RESAMPLES, len(a)))
    ranks = (stats.rankdata(np.asarray(side)[rows], axis=1) for side in (a, b))
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    scale = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    rho = (x * y).sum(1)[scale > 0] / scale[scale > 0]
    return tuple(np.quantile(rho, (0.025, 0.975)).tolist()) if len(rho) else (float("nan"), float("nan"))
