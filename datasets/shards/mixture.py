"""Several sets of images as one endless stream, in epochs of a virtual length."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from utils.cli import UserError
from utils.seeding import permutation, stable_key


class Mixture:
    """Which image lies at each place of the stream. Sets are numbered through, as in `Shards`.

    counts: images of each set. weights: how much of an epoch is of each set, of any sum. length: images of an epoch.
    Every set is shown pass by pass, each time in a new order, however its passes lie to the epochs: none of its images
    comes twice before all came once, and after any epoch its share is exact to an image. Raises UserError for weights
    that are not positive, one for each set, and for an epoch that is too short for the smallest.
    """

    def __init__(self, counts: Sequence[int], weights: Sequence[float], length: int, seed: int):
        if len(weights) != len(counts) or not all(0 < weight < math.inf for weight in weights):
            raise UserError(f"--weights takes a number above 0 for each of the {len(counts)} sets, not "
                            f"{' '.join(f'{weight:g}' for weight in weights)}")
        self.counts, self.length, self.seed = list(counts), length, seed
        self.edges = np.cumsum(weights) / sum(weights)
        self.edges[-1] = 1.0
        if min(weights) / sum(weights) * length < 2:
            raise UserError(f"an epoch of {length} images has none, or one, of weight {min(weights):g}; pass "
                            "a larger --epoch_length")
        self.starts = np.cumsum([0, *counts[:-1]])

    def shown(self, epoch: int) -> np.ndarray:
        """How many images of each set came before `epoch`: int64 [sets]."""
        return np.diff(np.rint(epoch * self.length * self.edges), prepend=0).astype(np.int64)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """The images at `places`, epoch * length + a place in the epoch: int64 [N], both."""
        images = np.empty(len(places), np.int64)
        epochs, within = np.divmod(places, self.length)
        for epoch in np.unique(epochs).tolist():
            before = self.shown(epoch)
            ends = np.cumsum(self.shown(epoch + 1) - before)
            rows = np.flatnonzero(epochs == epoch)
            sets = np.searchsorted(ends, within[rows], side="right")
            for which in np.unique(sets).tolist():
                mine = rows[sets == which]
                visit = before[which] + within[mine] - (ends[which - 1] if which else 0)
                images[mine] = self.starts[which] + self._visits(which, visit)
        return images

    def _visits(self, which: int, visits: np.ndarray) -> np.ndarray:
        passes, place = np.divmod(visits, self.counts[which])
        images = np.empty(len(visits), np.int64)
        for number in np.unique(passes).tolist():
            rows = passes == number
            images[rows] = _pass(self.seed, which, number, self.counts[which])[place[rows]]
        return images


@functools.lru_cache(maxsize=16)  # of a million images 10 MB each
def _pass(seed: int, which: int, number: int, count: int) -> np.ndarray:
    return permutation(stable_key("mixture", seed, which), number, count)
