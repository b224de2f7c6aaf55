"""The linear maps that corruptions are made of, on batches.

A separable filter is a product with a matrix from each side, and SciPy's filter of the identity is that matrix: so
blurs, zooms and resizings are SciPy's own, borders included, and run as two matrix products on any device.
"""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

Draw = Callable[[np.random.Generator], np.ndarray]


def draw(generators: Sequence[np.random.Generator], what: Draw, like: Tensor) -> Tensor:
    """What each image's own generator draws, stacked, with the dtype and on the device of `like`."""
    return torch.from_numpy(np.stack([what(generator) for generator in generators])).to(like)


def separable(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """rows @ x @ columnsᵀ of x, float [..., H, W]."""
    return torch.from_numpy(rows).to(x) @ x @ torch.from_numpy(columns).to(x).T


@functools.cache
def gaussian_matrix(size: int, sigma: float, mode: str, truncate: float) -> np.ndarray:
    """float64 [size, size]; sigma in pixels."""
    identity = np.eye(size)
    return ndimage.gaussian_filter1d(identity, sigma, 0, mode=mode, truncate=truncate) if sigma else identity


def gaussian(x: Tensor, sigma: float, mode: str = "nearest", truncate: float = 4.0) -> Tensor:
    """Gaussian blur of the last two axes. mode: the border, as SciPy calls it; the filter ends at truncate · sigma."""
    return separable(x, *(gaussian_matrix(size, sigma, mode, truncate) for size in x.shape[-2:]))


@functools.cache
def zoom_matrix(size: int, factor: float) -> np.ndarray:
    """The middle of `size` samples enlarged by `factor` ≥ 1 (linear interpolation, end points kept), cut to `size`."""
    part = math.ceil(size / factor)
    first = (size - part) // 2
    large = ndimage.zoom(np.eye(size)[first : first + part], (factor, 1), order=1)
    trim = (len(large) - size) // 2
    return large[trim : trim + size]


def zoom(x: Tensor, factor: float) -> Tensor:
    return separable(x, *(zoom_matrix(size, factor) for size in x.shape[-2:]))


@functools.cache
def box_matrix(source: int, target: int) -> np.ndarray:
    """Resizing from `source` to `target` samples, each the mean of those whose centres it covers (Pillow's BOX)."""
    scale = source / target
    half = max(scale, 1) / 2
    middle = (np.arange(target) + 0.5)[:, None] * scale
    centre = np.arange(source) + 0.5
    covered = (centre > middle - half) & (centre <= middle + half)
    return covered / covered.sum(1, keepdims=True)


def mirrored(index: Tensor, size: int, repeat_edge: bool) -> Tensor:
    """Whole numbers folded into 0 .. size - 1 by mirrors at both borders, which repeat the outermost sample or not."""
    if repeat_edge:
        index = index % (2 * size)
        return torch.minimum(index, 2 * size - 1 - index)
    index = index % (2 * size - 2)
    return torch.minimum(index, 2 * size - 2 - index)


def sample(x: Tensor, y: Tensor, at: Tensor, repeat_edge: bool) -> Tensor:
    """Bilinear interpolation of x, float [N, C, H, W], at rows `y` and columns `at`, float [N, H, W], in pixels from
    the centre of the first; beyond the borders x is mirrored (`mirrored`)."""
    n, channels, height, width = x.shape
    flat, out = x.flatten(2), torch.zeros_like(x)
    top, left = y.floor(), at.floor()
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - (y - top - down).abs()) * (1 - (at - left - right).abs())
            place = (mirrored(top.long() + down, height, repeat_edge) * width
                     + mirrored(left.long() + right, width, repeat_edge))
            out += weight[:, None] * flat.gather(2, place.view(n, 1, -1).expand(-1, channels, -1)).view(x.shape)
    return out


def motion(x: Tensor, radius: int, sigma: float, angle: Tensor) -> Tensor:
    """Blur of x, float [N, C, H, W], along a line of 2 · radius + 1 pixels that begins at each pixel and fades like a
    Gaussian of `sigma`, as ImageMagick's motion blur. angle: float [N], degrees. Borders are repeated."""
    n, channels, height, width = x.shape
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    weight = torch.exp(-steps.square() / (2 * sigma**2))
    weight /= weight.sum()
    turn = torch.deg2rad(angle.double().cpu())[:, None]
    down, right = ((steps * part - 0.5).ceil().long() for part in (turn.sin(), turn.cos()))
    rows, columns = torch.arange(height), torch.arange(width)
    flat, out = x.flatten(2), torch.zeros_like(x)
    for step in range(len(steps)):
        inside = (down[:, step].abs() < height) & (right[:, step].abs() < width)  # a line that leaves the image ends
        y = (rows + down[:, step, None]).clamp(0, height - 1)
        at = (columns + right[:, step, None]).clamp(0, width - 1)
        place = (y[:, :, None] * width + at[:, None, :]).view(n, 1, -1).to(x.device)
        tap = (weight[step] * inside).to(x)[:, None, None, None]
        out += tap * flat.gather(2, place.expand(-1, channels, -1)).view(x.shape)
    return out


def plasma(draws: Sequence[Tensor], decay: float) -> Tensor:
    """Diamond-square fractals (Fournier, Fussell and Carpenter 1982) on a torus: float [N, S, S] in [0, 1].

    draws: for steps S, S/2, ... 2 uniform numbers in [-1, 1), [N, 3, S/step, S/step] each: of the squares' centres,
    then of the diamonds' between columns and between rows. Their scale, 100² at first, falls by decay² a step.
    """
    size = 2 ** len(draws)
    field = draws[0].new_zeros(len(draws[0]), size, size)
    scale, step = 100.0, size
    for u in draws:
        half = step // 2
        corner = field[:, ::step, ::step]
        above = corner + corner.roll(-1, 1)
        field[:, half::step, half::step] = (above + above.roll(-1, 2)) / 4 + scale**2 * u[:, 0]
        centre, corner = field[:, half::step, half::step], field[:, ::step, ::step]
        between = centre + centre.roll(1, 1) + corner + corner.roll(-1, 2)
        beside = centre + centre.roll(1, 2) + corner + corner.roll(-1, 1)
        field[:, ::step, half::step] = between / 4 + scale**2 * u[:, 1]
        field[:, half::step, ::step] = beside / 4 + scale**2 * u[:, 2]
        step, scale = half, scale / decay
    field = field - field.amin((1, 2), keepdim=True)
    return field / field.amax((1, 2), keepdim=True)
