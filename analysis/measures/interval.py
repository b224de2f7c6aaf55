"""A number about a set of images, with a bootstrap interval over its images.

Every measure here is a mean over images, or a smooth function of one. Resampling images then only weights rows of a
small table, so a thousand resamples take milliseconds.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from utils.seeding import generator, stable_key

RESAMPLES = 1000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


@functools.lru_cache(maxsize=4)
def resamples(count: int, number: int) -> np.ndarray:
    """The share of each of `count` images in each resample: float64 [number, count]."""
    rng = generator(stable_key("analysis", "bootstrap"), count)
    return rng.multinomial(count, np.full(count, 1 / count), number) / count


def estimate(rows: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray] | None = None) -> Estimate:
    """`statistic` of the mean of `rows`, with the middle 95 % of it over resamples of rows with replacement.

    rows: float [N] or [N, D], one for each image. statistic: maps means, [..., D], to numbers, [...]; none is the mean
    itself, for rows of one number. The same rows always give the same interval.
    """
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    statistic = statistic or (lambda means: means[..., 0])
    low, high = np.quantile(statistic(resamples(len(rows), RESAMPLES) @ rows), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Estimate(float(statistic(rows.mean(0))), float(low), float(high))


def linear_estimate(value: float, influence: np.ndarray) -> Estimate:
    """The interval of `value` from its first-order expansion: it changes by the mean of `influence`, float [N], over
    the images of a resample. For what takes an eigendecomposition, a thousand of which would take an hour.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 22.
    """
    return estimate(value + influence - influence.mean())
