"""What a process must give, and the image files that are made of it."""

import io
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from utils.cli import UserError

FORMATS = ("jpg", "png", "tar")  # tar: JPEGs in shards, see `datasets.shards`
FOLDER = 1000  # images of one folder, or of one shard


class ImageProcess(Protocol):
    """What the writer needs of a process: a dataclass (its fields are the record) that can be pickled.

    It may have `chunk`, images a worker makes at a time (a divisor of FOLDER), `contents()`, the fingerprints that
    stand in the record in place of fields that are paths, `render_on_device`, which gives the images as a tensor on the
    process's `device`, `chaotic`, true where rounding grows until another kind of processor makes other images, and
    `latents(indices)`, float64 [N, n], what images are made from, which is kept beside them.
    """

    resolution: int
    seed: int

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """uint8 [N, H, W, 3], H and W the resolution."""


def checked(process: ImageProcess, images: Any, count: int, kind: type = np.ndarray) -> Any:
    """`images`, which `process` returned when asked for `count`. Raises UserError if they are not uint8 [count, H, W,
    3] of its resolution, in a `kind` of array."""
    def said(name: str, dtype: object, shape: Sequence[int]) -> str:
        return f"{name} {str(dtype).removeprefix('torch.')} {list(shape)}"

    wanted = said(kind.__name__, "uint8", (count, process.resolution, process.resolution, 3))
    found = said(type(images).__name__, getattr(images, "dtype", "without a dtype"), getattr(images, "shape", ()))
    if found != wanted:
        raise UserError(f"{type(process).__name__} must render a {wanted}, but gives a {found}; mend its code")
    return images


def rendered(process: ImageProcess, indices: Sequence[int]) -> np.ndarray:
    """Images number `indices` of any process: uint8 [N, H, W, 3]. Raises UserError for one that returns anything else
    (`checked`)."""
    return checked(process, process.render(indices), len(indices))


def encode(process: ImageProcess, indices: Sequence[int], image_format: str) -> list[bytes]:
    """The image files of `indices`."""
    files = []
    for image in rendered(process, indices):
        file = io.BytesIO()
        if image_format == "png":
            Image.fromarray(image).save(file, "PNG")
        else:
            Image.fromarray(image).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    return files
