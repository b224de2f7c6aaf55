"""Spearman's rank correlation between our accuracies and published ones."""

from collections.abc import Sequence

from scipy import stats

FEWEST = 3  # datasets that make a ranking
PERMUTATIONS = 20_000


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
