"""Validation images under a corruption, as a probe sees them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datasets.corruptions.corrupt import SMALL, benchmark_of, corrupt
from datasets.image_folders.folder import read_rgb
from linear_eval.features.frozen import View, decode
from utils.cpus import usable_cpus


def view_before(path: Path) -> View:
    """How images like the one in `path` look before they are corrupted: up to SMALL pixels a side as they are (their
    middle square), larger ones brought to 256 and cut to 224, as for ImageNet-C."""
    side = min(read_rgb(path).size)
    return View(side, side) if side <= SMALL else View(256, 224)


@dataclass
class Clean:
    """Images before they are corrupted: uint8 [n, size, size, 3]; small ones are kept in memory."""

    paths: Sequence[Path]
    before: View
    _kept: np.ndarray | None = field(default=None, repr=False)

    @property
    def benchmark(self) -> str:
        return benchmark_of(self.before.size, self.before.size)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        if self.before.size > SMALL:
            return decode([self.paths[i] for i in rows], self.before)
        if self._kept is None:
            self._kept = decode(self.paths, self.before)
        return self._kept[rows]

    def corrupted(self, name: str, severity: int, seed: int, numbers: np.ndarray, frost: Sequence[Tensor],
                  device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
        """The same under a corruption, computed on `device`, its parameters functions of the images' `numbers`."""
        def make(rows: np.ndarray) -> np.ndarray:
            images = torch.from_numpy(self(rows)).to(device)
            return corrupt(images, name, severity, seed, numbers[rows], self.benchmark, frost).cpu().numpy()

        return make


@dataclass
class Made:
    """A split for `extract` whose images are made when asked for."""

    count: int
    make: Callable[[np.ndarray], np.ndarray]  # rows int64 [n] -> uint8 [n, H, W, 3]

    def __len__(self) -> int:
        return self.count

    def images(self, rows: np.ndarray, view: View) -> np.ndarray:
        """uint8 [n, view.size, view.size, 3]."""
        with ThreadPoolExecutor(usable_cpus()) as pool:
            seen = pool.map(lambda image: np.asarray(view(Image.fromarray(image))), self.make(rows))
            return np.stack(list(seen))
