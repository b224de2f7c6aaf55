"""VTAB from torchvision's datasets, where their official splits are VTAB's: train with validation, and test.

Nothing is decoded and encoded again: image files are copied, and arrays become PNG.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial as bound
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR100, DTD, PCAM, SVHN, Flowers102, OxfordIIITPet

from datasets.vtab.images import LabelledImage, Part, png
from datasets.vtab.tasks import VtabTask
from utils.cli import UserError

# Images, of which each is a path or uint8 [H, W, 3], and their labels.
Loaded = tuple[Sequence[Any], Sequence[int]]


def _halves(split: str) -> tuple[str, ...]:
    """Our split in official ones: trainval comes in two."""
    return ("train", "val") if split == "train" else ("test",)


def _cifar100(root: Path, split: str, fetch: bool) -> list[Loaded]:
    data = CIFAR100(root, train=split == "train", download=fetch)
    return [(data.data, data.targets)]


def _svhn(root: Path, split: str, fetch: bool) -> list[Loaded]:
    data = SVHN(root, "train" if split == "train" else "test", download=fetch)
    return [(data.data.transpose(0, 2, 3, 1), data.labels)]


def _dtd(root: Path, split: str, fetch: bool) -> list[Loaded]:
    # Private, here and below, but torchvision shows the files nowhere else, only the decoded images.
    return [(data._image_files, data._labels)
            for data in (DTD(root, half, partition=1, download=fetch) for half in _halves(split))]


def _flowers102(root: Path, split: str, fetch: bool) -> list[Loaded]:
    return [(data._image_files, data._labels)
            for data in (Flowers102(root, half, download=fetch) for half in _halves(split))]


def _pets(root: Path, split: str, fetch: bool) -> list[Loaded]:
    data = OxfordIIITPet(root, "trainval" if split == "train" else "test", download=fetch)
    return [(data._images, data._labels)]


def _patch_camelyon(root: Path, split: str, fetch: bool) -> list[Loaded]:
    try:
        import h5py
    except ImportError:
        raise UserError("patch_camelyon by --route torchvision needs h5py (pip install h5py); --route shards does not"
                        ) from None
    loaded = []
    for half in _halves(split):
        data = PCAM(root, half, download=fetch)  # finds the files; its own way to an image opens them for each
        images, labels = (h5py.File(data._base_folder / data._FILES[half][part][0]) for part in ("images", "targets"))
        loaded.append((images["x"], labels["y"][:].reshape(-1)))
    return loaded


LOADERS: dict[str, Callable[[Path, str, bool], list[Loaded]]] = {
    "cifar100": _cifar100, "dtd": _dtd, "flowers102": _flowers102, "pets": _pets, "svhn": _svhn,
    "patch_camelyon": _patch_camelyon}


def parts(task: VtabTask, source: Path | None, downloads: Path, partial: bool) -> Iterator[Part]:
    """train and val of `task`, from torchvision's root folder `source` (None: it downloads to `downloads`).

    Raises UserError if the files are not there, are damaged, or cannot be fetched.
    """
    if source is None:
        _download(task, downloads)
    for split in ("train", "val"):
        yield split, _images(task, split, source or downloads, source is None)


def _download(task: VtabTask, downloads: Path) -> None:
    """Fetch and unpack all of `task`, from the beginning if that was cut off: torchvision would take a folder that was
    unpacked in part for a whole one.
    """
    mark = downloads / "complete"
    if mark.exists():
        return
    if downloads.exists():
        shutil.rmtree(downloads)
    downloads.mkdir(parents=True)
    for split in ("train", "val"):
        _load(task, split, downloads, fetch=True)
    mark.touch()


def _load(task: VtabTask, split: str, root: Path, fetch: bool) -> list[Loaded]:
    try:
        return LOADERS[task.name](root, split, fetch)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        reason = str(error).partition(". You can use download=True")[0]
        way = ("see that there is a network and room, and run the same command again" if fetch else
               "give torchvision's root folder as --source, or leave it out to download")
        raise UserError(f"torchvision cannot read {task.name} in {root} ({reason}); {way}") from None


def _images(task: VtabTask, split: str, root: Path, fetch: bool) -> Iterator[LabelledImage]:
    number = 0
    for images, labels in _load(task, split, root, fetch):
        for i, native in enumerate(labels):
            label = task.label(int(native), f"{root}: {split} image {number}")
            if isinstance(images[0], Path):
                path = Path(images[i])
                yield LabelledImage(split, path.stem, label, path.suffix[1:], path.read_bytes)
            else:
                yield LabelledImage(split, f"{number:06d}", label, "png", bound(_array, images, i))
            number += 1


def _array(images: Sequence[Any], i: int) -> bytes:
    return png(np.ascontiguousarray(images[i]))
