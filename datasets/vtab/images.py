"""What every route to VTAB's images yields, and how it is written: <folder>/<split>/<class>/<key>.<extension>.

A route yields parts, (name, images) each, always in the same order; `datasets.vtab` notes the parts that are done.
"""

import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from utils.files import write_bytes


class LabelledImage(NamedTuple):
    """An image file of the dataset. `data` may be a function, called only if the file is not there yet."""

    split: str  # 'train' or 'val'
    key: str  # the file's name without extension, unique in its split and class
    label: int  # VTAB's class
    extension: str
    data: bytes | Callable[[], bytes]


Part = tuple[str, Iterable[LabelledImage]]


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of `pixels`, uint8 [H, W] or [H, W, 3]."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_image(folder: Path, image: LabelledImage) -> None:
    """Write `image` under `folder`, whole or not at all."""
    path = folder / f"{image.split}/{image.label:04d}/{image.key}.{image.extension}"
    data = image.data
    if callable(data):
        if path.exists():
            return
        data = data()
    try:
        write_bytes(path, data, durable=False)
    except FileNotFoundError:  # the first of its class
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data, durable=False)


def remove_leftovers(folder: Path) -> None:
    """Delete the half-written files of a killed process."""
    for path in (*folder.glob("*/*/.*.tmp"), *folder.glob(".*.tmp")):
        path.unlink()


def count_images(folder: Path, classes: int) -> dict[str, list[int]]:
    """The number of images of each class in train and val, by listing them."""
    def count(path: Path) -> int:
        return len(os.listdir(path)) if path.is_dir() else 0

    return {split: [count(folder / split / f"{label:04d}") for label in range(classes)] for split in ("train", "val")}
