"""The images of a set as every measure sees them: one array of squares of one size, whatever they were."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.image_folders.encode import rendered
from datasets.image_folders.folder import list_images, read_rgb
from datasets.image_folders.record import record_of
from datasets.packed import resize_and_crop
from generators.named import known, make_process, named_datasets
from utils.cli import UserError
from utils.cpus import usable_cpus
from utils.progress import Progress
from utils.seeding import permutation, stable_key

FEWEST = 50  # images about which a measure says anything
PART = 40  # images read or rendered at a time
TINT = 4  # levels of 255 by which channels of a grey photo may differ (JPEG)


@dataclass
class ImageSet:
    """images: uint8 [N, P, P, 3]. notes: what a reader of numbers about them should know."""

    name: str
    images: np.ndarray
    notes: list[str] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Of the pixels."""
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def read_set(source: str, count: int, pixels: int, seed: int = 0, skip: int = 0) -> ImageSet:
    """`count` images of a folder (fewer if it has fewer), drawn by `seed`, or the first ones of a named dataset.

    Each is reduced, or enlarged, to `pixels` along its shorter side, of which the middle square is kept. skip: images
    of that order to leave out first, so that a set can be compared with other images of itself. Raises UserError for
    what is neither a folder nor a name, and for fewer than FEWEST images.
    """
    name, count, original = (_of_folder(source, count, seed, skip) if Path(source).is_dir()
                             else _of_name(source, count, skip))
    if count < FEWEST:
        raise UserError(f"{source} gives {count} images, of which nothing can be said; pass a set of at least {FEWEST}"
                        + f" (or a folder of {2 * FEWEST}, if it is compared with itself)" * (skip > 0))
    images, sizes, done = np.empty((count, pixels, pixels, 3), np.uint8), set(), 0
    with Progress(count, f"images of {name}", "images") as progress, ThreadPoolExecutor(usable_cpus()) as pool:
        for part in original:
            for image, size in pool.map(lambda image: _square(image, pixels), part):
                images[done] = image
                sizes.add(size)
                done += 1
            progress.update(len(part))
    return ImageSet(name, images, _notes(images, sizes, pixels))


def _of_folder(source: str, count: int, seed: int, skip: int) -> tuple[str, int, Iterator[list[Path]]]:
    """Its name, how many images it gives, and these in parts."""
    paths = list_images(source)
    chosen = np.sort(permutation(stable_key("analysis", seed), 0, len(paths))[skip : skip + count])
    name = str(record_of(source)["name"]) or Path(source).resolve().name
    count = len(chosen)
    return name, count, ([paths[i] for i in chosen[start : start + PART]] for start in range(0, count, PART))


def _of_name(source: str, count: int, skip: int) -> tuple[str, int, Iterator[np.ndarray]]:
    if not known(source):
        raise UserError(f"{source} is not a folder, nor a named dataset ({', '.join(named_datasets())}); pass a folder "
                        "of images or one of these names")
    process = make_process(source)
    numbers = range(skip, skip + count)
    return source, count, (rendered(process, numbers[start : start + PART]) for start in range(0, count, PART))


def _square(image: Path | np.ndarray, pixels: int) -> tuple[np.ndarray, tuple[int, int]]:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else read_rgb(image)
    return np.asarray(resize_and_crop(image, pixels)), image.size


def _notes(images: np.ndarray, sizes: set[tuple[int, int]], pixels: int) -> list[str]:
    notes = []
    if len(sizes) > 1:
        smallest, largest = min(sizes), max(sizes)
        notes.append(f"images of {len(sizes)} sizes, from {smallest[0]}×{smallest[1]} to {largest[0]}×{largest[1]}, "
                     f"each brought to {pixels}×{pixels}")
    if min(map(min, sizes)) < pixels:
        notes.append(f"images smaller than {pixels} pixels were enlarged, so fine texture is missing")
    grey = grey_share(images)
    if grey > 0.5:
        notes.append(f"{grey:.0%} of the images are grey: colour, Fréchet distance, precision and recall against a set "
                     "in colour say mostly that")
    return notes


def grey_share(images: np.ndarray) -> float:
    """Share of images, uint8 [N, P, P, 3], whose channels are about equal everywhere."""
    spread = images.max(3) - images.min(3)
    return float((spread.max((1, 2)) <= TINT).mean())
