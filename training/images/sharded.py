"""Images in tar shards: any of them by its number, decoded by worker processes while the encoder trains.

The order of a run is that of every other source, a function of (seed, epoch) over all images: no worker has shards of
its own, so nothing depends on their number, and a run resumes with the very next image.
"""

import itertools
from collections.abc import Generator, Iterable

import numpy as np
import torch
from torch import Tensor

from datasets.shards.mixture import Mixture
from datasets.shards.read import Shards, decode
from training.images.streams import LOOKED_AT, PART, UNDER_WAY
from utils.workers import ahead, worker_processes


class ShardedImages:
    """All images of `shards`, squares of `resize` pixels if that is given. workers: processes that decode."""

    together, endless = 1, False

    def __init__(self, shards: Shards, workers: int, resize: int | None = None):
        self.shards, self.workers, self.resize = shards, workers, resize
        self.count = len(shards)
        firsts = np.cumsum([0, *shards.counts[:-1]])
        self.height, self.width = decode(shards.places(firsts), resize)[0].shape[:2]

    def __str__(self) -> str:
        return f"{self.count} images of {self.width}×{self.height} in {len(self.shards.paths)} shards"

    def numbers(self, indices: np.ndarray) -> np.ndarray:
        """The images of the shards that `indices`, those of a run's order, stand for."""
        return indices

    def examples(self) -> np.ndarray:
        """A sample of the images: uint8 [n, H, W, 3]."""
        some = range(0, len(self.shards), len(self.shards) // LOOKED_AT or 1)
        return np.stack(decode(self.shards.places(some), self.resize))

    def stream(self, batches: Iterable[np.ndarray]) -> Generator[Tensor, None, None]:
        """uint8 [B, H, W, 3] for each of `batches`, int64 [B]."""
        now, coming = itertools.tee(batches)
        parts = (part for indices in coming for part in np.split(indices, range(PART, len(indices), PART)))
        depth = max(UNDER_WAY // (PART * self.height * self.width * 3), self.workers)
        with worker_processes(self.workers) as pool:
            made = ahead(lambda part: pool.submit(decode, self.shards.places(self.numbers(part)), self.resize), parts,
                         depth)
            for indices in now:
                images = itertools.chain.from_iterable(itertools.islice(made, -(-len(indices) // PART)))
                yield torch.from_numpy(np.stack(list(images)))


class MixedImages(ShardedImages):
    """A `mixture` of the sets of `shards`; an epoch is as long as the mixture says."""

    endless = True

    def __init__(self, shards: Shards, mixture: Mixture, workers: int, resize: int | None = None):
        super().__init__(shards, workers, resize)
        self.mixture, self.count = mixture, mixture.length

    def numbers(self, indices: np.ndarray) -> np.ndarray:
        return self.mixture.numbers(indices)
