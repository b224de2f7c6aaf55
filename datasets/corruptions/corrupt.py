"""The 15 + 4 corruptions of ImageNet-C and CIFAR-10-C (Hendrycks and Dietterich, ICLR 2019), on batches.

    corrupted = corrupt(images, "fog", severity=3, seed=0, indices=np.arange(len(images)))

What is random in a corrupted image is a function of (name, severity, seed, image number), drawn on the CPU, so the
batch and the device change nothing but the rounding of float32.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datasets.corruptions import blur, digital, noise, weather
from datasets.corruptions.severities import BENCHMARKS, NAMES
from datasets.image_folders.folder import EXTENSIONS, read_rgb
from utils.cli import UserError
from utils.seeding import generator, stable_key

SMALL = 64  # sides up to here are corrupted as CIFAR-10-C's by default, larger ones as ImageNet-C's
FROST_OF_SMALL = 0.2  # how much smaller CIFAR-10-C takes the pictures of frost
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    name: next(getattr(module, name) for module in (noise, blur, weather, digital) if hasattr(module, name))
    for name in NAMES}


def benchmark_of(height: int, width: int) -> str:
    """The benchmark whose strengths suit images of this size: "cifar-10-c" or "imagenet-c"."""
    return "cifar-10-c" if max(height, width) <= SMALL else "imagenet-c"


def corrupt(images: Tensor, name: str, severity: int, seed: int, indices: np.ndarray, benchmark: str = "",
            frost: Sequence[Tensor] = ()) -> Tensor:
    """Images under one corruption: uint8 [N, H, W, 3], on the device of `images`, of the same shape.

    severity: 1 to 5. indices: int64 [N], the images' numbers. benchmark: whose strengths ("" for `benchmark_of`).
    frost: pictures (`frost_pictures`). Values are cut to whole ones as by the benchmarks' authors, not rounded. Raises
    UserError for a name or severity that is not there, and for sides below 32 pixels.
    """
    height, width = images.shape[1:3]
    if name not in FUNCTIONS:
        raise UserError(f"there is no corruption {name!r}; the names are {', '.join(NAMES)}")
    if severity not in range(1, 6):
        raise UserError(f"severities are 1 to 5, not {severity}")
    if min(height, width) < 32:
        raise UserError(f"corruptions are for images of 32 pixels a side or more, not {width}×{height}; enlarge them")
    strengths = BENCHMARKS[benchmark or benchmark_of(height, width)]
    key = stable_key("corruption", name, severity, seed)
    generators = [generator(key, index) for index in np.asarray(indices).tolist()]
    x = images.permute(0, 3, 1, 2).float() / 255
    more = {"pictures": frost} if name == "frost" else {}
    x = FUNCTIONS[name](x, strengths[name][severity - 1], generators, **more)
    # 1/1000 of a value: what float32 may lack to a whole number.
    return (255 * x.clamp(0, 1) + 1e-3).floor().to(torch.uint8).permute(0, 2, 3, 1)


def frost_files(folder: Path | str) -> list[Path]:
    """The images in `folder`. Raises UserError if there is none."""
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise UserError(f"no pictures of frost in {folder} (looked for {', '.join(EXTENSIONS)})")
    return paths


def frost_pictures(folder: Path | str, side: int) -> list[Tensor]:
    """The photographs of frost in `folder`, for images of `side` pixels: float32 [3, h, w] each, in [0, 1].

    For images up to SMALL they are made smaller, as for CIFAR-10-C. Raises UserError if there is none, or one that is
    then smaller than an image.
    """
    pictures = []
    for path in frost_files(folder):
        picture = read_rgb(path)
        if side <= SMALL:
            width, height = (round(FROST_OF_SMALL * length) for length in picture.size)
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        if min(picture.size) < side:
            raise UserError(f"{path} is too small for images of {side} pixels; pass larger pictures of frost")
        pictures.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255)
    return pictures
