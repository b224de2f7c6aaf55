"""Features that no network made: what a probe reaches from colours and pixels alone.

Each function maps images uint8 [N, 64, 64, 3] (what `features.decode` returns, on any device) to float32 [N, D] and
goes into the same probes as an encoder.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from linear_eval.features.frozen import Features


def raw_pixels(images: Tensor) -> Tensor:
    """The image at 32×32 (means of 2×2 pixels), values in [0, 1]: [N, 3072].

    Half the size an encoder sees, which keeps the probe about as large as one on fc6 (4,096 features).
    """
    n, height, width, channels = images.shape
    blocks = images.float().reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.mean((2, 4)).flatten(1) / 255


def mean_colours(images: Tensor) -> Tensor:
    """The mean red, green and blue of the image, in [0, 1]: [N, 3]."""
    return images.float().mean((1, 2)) / 255


def colour_histogram(images: Tensor) -> Tensor:
    """The share of pixels in each of 64 boxes of RGB space (4 equal ranges a channel; blue varies fastest): [N, 64]."""
    red, green, blue = (images >> 6).long().flatten(1, 2).unbind(2)
    box = 16 * red + 4 * green + blue
    counts = torch.zeros(len(images), 64, device=images.device)
    return counts.scatter_add_(1, box, torch.ones_like(box, dtype=torch.float32)) / box.shape[1]


BASELINES: dict[str, Features] = {
    "raw pixels": raw_pixels,
    "mean colours": mean_colours,
    "colour histogram": colour_histogram,
}


def raw_values(examples: Tensor) -> Tensor:
    """Stored examples, float32 [N, C, H, W], as means over 2×2 values: [N, C · H/2 · W/2]."""
    return F.avg_pool2d(examples, 2).flatten(1)


def mean_spectrum(examples: Tensor) -> Tensor:
    """Stored examples, float32 [N, C, H, W], averaged over time, which runs along W: [N, C · H]."""
    return examples.mean(3).flatten(1)


OF_ARRAYS: dict[str, Features] = {"raw values": raw_values, "mean spectrum": mean_spectrum}
ALL = BASELINES | OF_ARRAYS
