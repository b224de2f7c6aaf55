"""Textured dead leaves: every leaf is a window on a texture image instead of a flat colour.

    python -m generators.dead_leaves_textures --output data/my_leaves --samples 100
    python -m generators.dead_leaves_textures --shape mixed --textures photos --output data/my_leaves --samples 100
    python -m generators dead_leaves-textures          # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.1. Leaves are
laid as in `generators.dead_leaves`. Each draws one of the textures (uniform) and shows it at the leaf's own pixels:
pixel (y, x) of the image is pixel (y, x) of the texture.

The textures are those of the paper, 10,000 images of stat-spectrum_color_wmm at the resolution of the leaves, or a
folder of images of yours (`--textures`; brought to that size by resizing the shorter side and cropping the centre).
The former are made on first use, in data/textures, in a few minutes. Figure 2 of the paper shows oriented squares, the
default; the authors' released recipe says `--shape mixed`.

The authors gave each *colour* of a flat image a texture, so two leaves of one colour, one pair in 16.6 million, share
theirs; here each leaf has its own.
"""

import contextlib
import functools
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from datasets.image_folders.encode import ImageProcess
from datasets.image_folders.folder import list_images
from datasets.image_folders.writer import describe, write_image_folder
from datasets.packed import packed_images
from generators.dead_leaves import SHAPES, DeadLeaves
from generators.named import make_process
from generators.process import option
from utils.cli import UserError
from utils.cpus import default_workers
from utils.files import locked

POOL = "stat-spectrum_color_wmm"
POOL_IMAGES = 10_000
FEWEST = 100  # with n textures, one edge in n between two leaves cannot be seen, as both show the same
CACHE = Path("data/textures")  # in the working folder, like all data


def pool_process(resolution: int) -> ImageProcess:
    """What makes the default textures: on a CPU, so that the pool does not depend on where it was made."""
    return make_process(POOL, resolution, device="cpu")


@contextlib.contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """If the block fails, remove `folder` and the folders above it, as far as they were not there before."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        if new and not any(folder.glob("*.npy")):  # another process may have filled it, for another resolution
            shutil.rmtree(folder, ignore_errors=True)
        for path in new[1:]:
            with contextlib.suppress(OSError):  # not empty: somebody else has put something there
                path.rmdir()
        raise


@functools.lru_cache(maxsize=1)
def texture_images(folder: str, resolution: int) -> np.ndarray:
    """Textures as a read-only memory map, uint8 [N, resolution, resolution, 3]: those of `folder`, or, if it is empty,
    the default ones. The array, and the default images, are kept in CACHE; `folder` is only read.

    Raises UserError for a folder with fewer than FEWEST images or with one that cannot be read.
    """
    if folder:
        count = len(list_images(folder))
        if count < FEWEST:
            raise UserError(f"{folder} holds {count} images, and textures take {FEWEST} or more; pass another folder")
        place = Path(folder).resolve()
        name = f"{place.name}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"
        with removed_on_failure(CACHE / name):
            return packed_images(folder, resolution, CACHE / name)
    root = CACHE / f"{POOL}-{resolution}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with locked(root.with_suffix(".lock"), wait=True):  # of several generators, one makes them and the others wait
        write_image_folder(pool_process(resolution), root, POOL_IMAGES, name=POOL, workers=default_workers())
        return packed_images(root)


@njit(cache=True, nogil=True)
def texture_in(labels: np.ndarray, choice: np.ndarray, textures: np.ndarray, image: np.ndarray) -> None:
    """Give each pixel of `image`, uint8 [N, N, 3], the same pixel of its leaf's texture; black where no leaf is.

    labels: int [N, N], -1 where bare. choice: the texture of each leaf. textures: uint8 [T, N, N, 3].
    """
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            leaf = labels[row, column]
            for c in range(3):
                image[row, column, c] = textures[choice[leaf], row, column, c] if leaf >= 0 else 0


@dataclass(frozen=True)
class TexturedLeaves(DeadLeaves):
    """Dead leaves with textures. Raises UserError for a value it does not know, and for textures it cannot use."""

    shape: str = option("oriented_square", "shape of the leaves", SHAPES)
    textures: str = option("", f"folder of texture images (default: {POOL_IMAGES:,} of {POOL})", seeds=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.textures:
            texture_images(self.textures, self.resolution)
        else:
            pool_process(self.resolution)  # refuses a resolution that the textures cannot have

    def contents(self) -> dict[str, Any]:
        """What the textures are: a record, or a fingerprint of the pixels in the order of their file names."""
        if not self.textures:
            return {"textures": describe(pool_process(self.resolution), POOL, POOL_IMAGES, "jpg")}
        pixels = texture_images(self.textures, self.resolution)
        return {"textures": "sha256:" + hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest()}

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        textures = np.asarray(texture_images(self.textures, self.resolution))
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            labels, leaves = self.labels_and_leaves(index)
            choice = (leaves[:, 3] * np.float64(len(textures))).astype(np.int64)  # in place of the first colour
            texture_in(labels, choice, textures, image)
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("dead_leaves_textures.TexturedLeaves")
