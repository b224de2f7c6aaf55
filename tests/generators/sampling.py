"""Comparing what is measured here with what was measured elsewhere, each on a sample."""

import numpy as np


def agrees(values: np.ndarray, expected: float, count: int, digit: float) -> bool:
    """Whether the mean of values, one of each image, is that of `count` other images: within four standard errors of
    the difference and half of the last digit that is given of the other."""
    error = np.std(values) * np.sqrt(1 / len(values) + 1 / count)
    return bool(abs(np.mean(values) - expected) < 4 * error + digit / 2)
