"""Blurs. Each function takes x, float [N, 3, H, W] in [0, 1], the strength of its severity and a generator for each
image, and returns float [N, 3, H, W]."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from datasets.corruptions.operators import draw, gaussian, motion, zoom

Generators = Sequence[np.random.Generator]


def gaussian_blur(x: Tensor, sigma: float, generators: Generators) -> Tensor:
    """sigma in pixels."""
    return gaussian(x, sigma)


@functools.cache
def _disk(radius: float, alias_blur: float) -> np.ndarray:
    """A disk that sums to 1, then softened by a Gaussian of 3 or 5 taps: float64 [K, K], K odd. As in the benchmarks,
    the frame mirrors a disk that touches it: one of radius 10 sums to 1.01."""
    half, taps = (8, 3) if radius <= 8 else (radius, 5)
    along = np.arange(-half, half + 1)
    disk = (along[:, None] ** 2 + along**2 <= radius**2).astype(float)
    disk /= disk.sum()
    soft = np.exp(-((np.arange(taps) - taps // 2) ** 2) / (2 * alias_blur**2))
    soft /= soft.sum()
    for axis in (0, 1):
        disk = ndimage.correlate1d(disk, soft, axis, mode="mirror")
    return disk


def defocus_blur(x: Tensor, strength: tuple[float, float], generators: Generators) -> Tensor:
    """strength: radius of the disk, and sigma of its softened edge, in pixels."""
    disk = torch.from_numpy(_disk(*strength)).to(x)
    half = len(disk) // 2
    padded = F.pad(x, (half, half, half, half), mode="reflect")
    return F.conv2d(padded.flatten(0, 1)[:, None], disk[None, None]).view(x.shape)


def glass_blur(x: Tensor, strength: tuple[float, int, int], generators: Generators) -> Tensor:
    """strength: sigma, how far pixels are displaced, how often.

    Between two Gaussian blurs the pixels are visited from the last to the first, but for a margin, and each takes the
    value that a random neighbour has by then. That order is one map from pixels to pixels: pixels not yet visited keep
    their old values, and for the others we follow where their values came from, in doubling steps.
    """
    sigma, far, times = strength
    n, _, height, width = x.shape
    shift = draw(generators, lambda g: g.integers(-far, far, (times, height, width, 2)), x).long()
    x = (255 * gaussian(x, sigma).clamp(0, 1) + 1e-3).floor() / 255
    rows, columns = (torch.arange(size, device=x.device) for size in (height, width))
    inner = ((rows > far) & (rows <= height - far))[:, None] & (columns > far) & (columns <= width - far)
    pixels = height * width
    here = torch.arange(pixels, device=x.device)
    for time in range(times):
        move = torch.where(inner, shift[:, time, :, :, 1] * width + shift[:, time, :, :, 0], 0).flatten(1)
        other = here + move
        visited = inner.flatten()[other] & (move > 0)
        # A node is a pixel's new value, or, `pixels` further on, its old one.
        link = torch.cat([torch.where(visited, other, other + pixels), here.expand(n, -1) + pixels], dim=1)
        for _ in range(math.ceil(math.log2(pixels))):
            link = link.gather(1, link)
        source = (link[:, :pixels] - pixels)[:, None].expand(-1, 3, -1)
        x = x.flatten(2).gather(2, source).view(x.shape)
    return gaussian(x, sigma)


def motion_blur(x: Tensor, strength: tuple[int, float], generators: Generators) -> Tensor:
    """strength: radius and sigma in pixels. The angle is uniform in ±45°."""
    return motion(x, *strength, draw(generators, lambda g: g.uniform(-45, 45), x))


def zoom_blur(x: Tensor, strength: tuple[float, float], generators: Generators) -> Tensor:
    """strength: the largest zoom (left out) and the step from 1 on. The mean of all, and of x once more."""
    factors = np.arange(1, *strength)
    return (x + sum(zoom(x, factor) for factor in factors.tolist())) / (len(factors) + 1)
