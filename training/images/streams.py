"""Where a run's images come from: a packed folder, or a process that renders them while the encoder trains.

Both are streams. Batches of image numbers go in, their pixels come out in the same order; batches that come later may
be asked for ahead of time, so that a process works on them while the encoder trains on those before.
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from datasets.image_folders.encode import ImageProcess, checked, rendered
from datasets.image_folders.writer import IMAGES_A_CHUNK
from utils.workers import Workers, ahead, worker_processes

CPU = torch.device("cpu")
PART = 16  # images that a worker renders at a time, or a block of them
UNDER_WAY = 32 << 20  # bytes of images that workers make ahead of time
LOOKED_AT = 256  # images of a folder that are looked at for whether they differ


class PackedImages:
    """A folder's packed array, uint8 [N, H, W, 3]; on a GPU, it is copied there if half of the free memory holds it."""

    together, endless = 1, False

    def __init__(self, array: np.ndarray, device: torch.device = CPU):
        self.array = array
        self.count, self.height, self.width = array.shape[:3]
        self.here: Tensor | None = None
        if device.type == "cuda" and array.nbytes < torch.cuda.mem_get_info(device)[0] / 2:
            self.here = torch.empty(array.shape, dtype=torch.uint8, device=device)
            for start in range(0, self.count, 1024):
                self.here[start : start + 1024] = torch.from_numpy(np.array(array[start : start + 1024])).to(device)

    def __str__(self) -> str:
        return f"{self.count} images of {self.width}×{self.height}"

    def examples(self) -> np.ndarray:
        """A sample of the images: uint8 [n, H, W, 3]."""
        return self.array[:: self.count // LOOKED_AT or 1]

    def stream(self, batches: Iterable[np.ndarray]) -> Generator[Tensor, None, None]:
        """uint8 [B, H, W, 3] for each of `batches`, int64 [B]; on the device that holds the array."""
        for indices in batches:
            if self.here is None:
                yield torch.from_numpy(self.array[indices])
            else:
                yield self.here[torch.from_numpy(indices).to(self.here.device)]


class RenderedImages:
    """Images of a process, rendered as they are needed: by worker processes, or here if the process runs on a GPU.

    count: images of an epoch. endless: every epoch has images of its own; else all have images 0 .. count - 1, which
    are rendered again. workers: processes.
    """

    def __init__(self, process: ImageProcess, count: int, endless: bool, workers: int = 1):
        self.process, self.count, self.endless, self.workers = process, count, endless, workers
        self.height = self.width = process.resolution
        self.together: int = getattr(process, "block", 1)

    def __str__(self) -> str:
        return f"{'endless' if self.endless else self.count} images of {self.width}×{self.height}, rendered meanwhile"

    def examples(self) -> np.ndarray:
        """The first images: uint8 [n, H, W, 3]. Also shows mistakes, and fills the caches of compiled code, before
        there are workers."""
        return rendered(self.process, range(self.together if self.together > 1 else 8))

    def stream(self, batches: Iterable[np.ndarray]) -> Generator[Tensor, None, None]:
        """uint8 [B, H, W, 3] for each of `batches`, int64 [B]; on the device of the process."""
        plan, plan_ahead = itertools.tee(self._plan(batches))
        parts = (part for _, parts, _ in plan_ahead for part in parts)
        waiting: dict[int, Tensor] = {}
        device = torch.device(getattr(self.process, "device", "cpu"))
        with contextlib.ExitStack() as stack:
            if device.type == "cuda":
                made = map(self._on_device, parts)
            else:
                made = self._made_by(stack.enter_context(worker_processes(self.workers)), parts)
            for indices, parts_now, kept in plan:
                batch = torch.empty(len(indices), self.height, self.width, 3, dtype=torch.uint8, device=device)
                row = {index: k for k, index in enumerate(indices.tolist())}
                for index in row.keys() & waiting.keys():
                    batch[row[index]] = waiting.pop(index)
                for part in parts_now:
                    for index, image in zip(part, torch.as_tensor(next(made)), strict=True):
                        if index in row:
                            batch[row[index]] = image
                        elif index in kept:
                            waiting[index] = image.clone()
                yield batch
                del batch  # before the next is made

    def _plan(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, list[list[int]], set[int]]]:
        """For each batch: its image numbers, the numbers to render in parts, and which of these to keep for later.

        Images are made in whole blocks. Kept are those that this batch or one of the next few needs (`Order`); the
        others belong to another process, or to the other end of the epoch.
        """
        size = max(min(PART, getattr(self.process, "chunk", IMAGES_A_CHUNK)) // self.together, 1)  # blocks of a part
        batches = iter(batches)
        coming = deque(itertools.islice(batches, self.together))
        waiting: set[int] = set()
        while coming:
            indices = coming[0]
            blocks = list(dict.fromkeys(i // self.together for i in indices.tolist() if i not in waiting))
            parts = [[block * self.together + place for block in blocks[k : k + size] for place in range(self.together)]
                     for k in range(0, len(blocks), size)]
            kept = set(np.concatenate(coming).tolist()).intersection(itertools.chain(*parts)) - waiting
            waiting = (waiting | kept).difference(indices.tolist())
            yield indices, parts, kept
            coming.popleft()
            coming.extend(itertools.islice(batches, 1))

    def _on_device(self, part: list[int]) -> Tensor:
        door = getattr(self.process, "render_on_device", None)
        return checked(self.process, door(part), len(part), Tensor) if door else rendered(self.process, part)

    def _made_by(self, pool: Workers, parts: Iterable[list[int]]) -> Iterator[np.ndarray]:
        """The images of each part. The workers of `pool` are up to UNDER_WAY bytes ahead."""
        depth = max(UNDER_WAY // (PART * self.height * self.width * 3), self.workers)
        return ahead(lambda part: pool.submit(rendered, self.process, part), parts, depth)

