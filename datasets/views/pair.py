"""Two random views of images that nobody has numbered, for training loops of other people's.

    x, y = pair_of_views(images, 64, SmallAlexNet.MEAN, SmallAlexNet.STD)
"""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datasets.views.batched import make_views
from datasets.views.parameters import draw_parameters
from utils.cli import UserError


def pair_of_views(images: Tensor, size: int, mean: Sequence[float], std: Sequence[float], seed: int | None = None,
                  ) -> tuple[Tensor, Tensor]:
    """Two views of an image, uint8 [3, H, W], or of each of a batch, uint8 [B, 3, H, W]: float32 [3, size, size], or
    [B, 3, size, size], each, on the same device, normalised with `mean` and `std`.

    seed: with a number, the views are a function of it and of the pixels; None draws them from torch's global
    generator, as transforms of torchvision do. Raises UserError for another type or shape.
    """
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.shape[-3:-2] != (3,) or images.ndim > 4:
        found = f"{getattr(images, 'dtype', type(images).__name__)} {list(getattr(images, 'shape', ()))}"
        raise UserError(f"views are made of images uint8 [3, H, W] or [B, 3, H, W], not of {found}")
    pixels = images.reshape(-1, *images.shape[-3:]).permute(0, 2, 3, 1).contiguous()
    if seed is None:
        seed, numbers = int(torch.randint(2**62, ())), np.arange(len(pixels))
    else:
        numbers = np.array([zlib.crc32(image.numpy()) for image in pixels.cpu()])
    drawn = (draw_parameters(seed, 0, view, numbers, *pixels.shape[1:3]) for view in (0, 1))
    x, y = (make_views(pixels, parameters, size, mean, std) for parameters in drawn)
    return (x, y) if images.ndim == 4 else (x[0], y[0])
