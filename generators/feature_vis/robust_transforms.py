"""Random views of an image that is being optimised, so that what it shows survives small changes.

The transforms of Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017 (section "Transformation
Robustness"), with the values of Baradad et al., "Learning to See by Looking at Noise". In this order:

* 12 grey pixels (0.5) on every side;
* jitter: a window smaller by 8 pixels, its corner uniform among 8 x 8 positions;
* scale: uniform among 0.9, 0.92 .. 1.1, sizes rounded up; a smaller image gets black borders up to its old size,
  a larger one keeps its new size;
* rotation about the centre: uniform among the whole degrees from -10 to 10 and five more zeros; black corners;
* jitter: a window smaller by 4 pixels, its corner uniform among 4 x 4 positions.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BORDER = 12
JITTERS = (8, 4)
SCALES = tuple(percent / 100 for percent in range(90, 111, 2))
ANGLES = (*range(-10, 11), 0, 0, 0, 0, 0)


class View(NamedTuple):
    """What is drawn for one view."""

    first: tuple[int, int]  # row and column of the window of the first jitter
    scale: float
    angle: int  # degrees
    second: tuple[int, int]


def draw_view(rng: np.random.Generator) -> View:
    """A random view, distributed as above."""
    first, second = (tuple(rng.integers(jitter, size=2).tolist()) for jitter in JITTERS)
    return View(first, SCALES[rng.integers(len(SCALES))], ANGLES[rng.integers(len(ANGLES))], second)


def window(images: Tensor, corner: tuple[int, int], jitter: int) -> Tensor:
    """The window that is smaller than `images` by `jitter` pixels, with this corner."""
    (row, column), size = corner, images.shape[-1] - jitter
    return images[..., row : row + size, column : column + size]


def rescale(images: Tensor, scale: float) -> Tensor:
    """Resize to ceil(scale * size), corners on corners; black borders make up for what is missing."""
    size = images.shape[-1]
    scaled = math.ceil(scale * size)
    images = F.interpolate(images, (scaled, scaled), mode="bilinear", align_corners=True)
    return F.pad(images, [max(0, math.ceil((size - scaled) / 2))] * 4)


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Turn square images about their centre, bilinearly; what comes from outside is black."""
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    grid = F.affine_grid(turn[None].to(images), list(images.shape), align_corners=True)
    return F.grid_sample(images, grid, align_corners=True)


def look(images: Tensor, view: View) -> Tensor:
    """One view of square images, the same for all, differentiable: float [N, C, S, S] from [N, C, size, size].

    S lies between size + 12 and ceil(1.1 (size + 16)) - 4.
    """
    channels = images.flatten(0, 1)[None]  # one image of many channels: its sampling points are computed once
    channels = F.pad(channels, [BORDER] * 4, value=0.5)
    channels = window(channels, view.first, JITTERS[0])
    channels = rotate(rescale(channels, view.scale), view.angle)
    return window(channels, view.second, JITTERS[1])[0].unflatten(0, images.shape[:2])
