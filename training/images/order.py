"""Which images a step sees: a function of the seed and the step, so that a run resumes with the very next batch."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from utils.seeding import permutation, stable_key


@dataclass(frozen=True)
class Order:
    """The batches of a run. Each epoch shows each of its images once, in a new order.

    Some processes make images in fixed blocks, `together` at a time, and may draw something for all of a block. Blocks
    then come in random order, and each image of a block a batch after the one before it: a block is made once for all,
    and no batch holds two of it (but for some where an epoch has few batches or ends within a block).
    """

    images: int  # of an epoch
    batch_size: int
    seed: int
    together: int = 1
    endless: bool = False  # epoch e has images e * images .. (e + 1) * images - 1, so that none ever comes again
    drop_last: bool = False  # leave out the batch at the end of an epoch that would be smaller

    def batch(self, step: int) -> tuple[int, np.ndarray]:
        """(epoch, image numbers int64 [batch_size, or what is left of the epoch]) of a step, counted from 0."""
        batches = self.images / self.batch_size
        epoch, position = divmod(step, math.floor(batches) if self.drop_last else math.ceil(batches))
        first = position * self.batch_size
        return epoch, _epoch(self, epoch)[first : first + self.batch_size]


@functools.lru_cache(maxsize=2)  # near the end of an epoch, images of the next are already being made
def _epoch(order: Order, epoch: int) -> np.ndarray:
    blocks = permutation(stable_key("order", order.seed), epoch, math.ceil(order.images / order.together))
    apart = math.ceil(order.batch_size / order.together)  # rows that make a batch
    columns = [np.roll(blocks * order.together + place, place * apart) for place in range(order.together)]
    numbers = np.stack(columns, axis=1).ravel()
    return numbers[numbers < order.images] + (epoch * order.images if order.endless else 0)
