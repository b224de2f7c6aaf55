"""Noise. Each function takes x, float [N, 3, H, W] in [0, 1], the strength of its severity and a generator for each
image, and returns float [N, 3, H, W], not yet held to [0, 1]. Draws are laid out as [H, W, 3]."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from datasets.corruptions.operators import draw

Generators = Sequence[np.random.Generator]


def _normal(x: Tensor, scale: float, generators: Generators) -> Tensor:
    shape = (*x.shape[2:], 3)
    return draw(generators, lambda g: g.normal(size=shape, scale=scale), x).permute(0, 3, 1, 2)


def gaussian_noise(x: Tensor, strength: float, generators: Generators) -> Tensor:
    """x + N(0, strength²)."""
    return x + _normal(x, strength, generators)


def speckle_noise(x: Tensor, strength: float, generators: Generators) -> Tensor:
    """x + x · N(0, strength²)."""
    return x + x * _normal(x, strength, generators)


@functools.cache
def _poisson_table(photons: float) -> np.ndarray:
    """Row v: the distribution function of Poisson(photons · v / 255), plus v: float64 [256, K], rising all along."""
    counts = np.arange(stats.poisson.ppf(1 - 1e-12, photons) + 2)
    below = stats.poisson.cdf(counts, photons * np.arange(256)[:, None] / 255)
    below[:, -1] = 1
    return below + np.arange(256)[:, None]


def shot_noise(x: Tensor, photons: float, generators: Generators) -> Tensor:
    """Poisson(photons · x) / photons, by inverting the distribution function: of 256 values of x, so one search."""
    shape = (*x.shape[2:], 3)
    u = np.stack([generator.random(shape) for generator in generators])
    value = (255 * x).round().long().permute(0, 2, 3, 1)
    table = _poisson_table(photons)
    place = np.searchsorted(table.ravel(), value.cpu().numpy() + u, side="right")
    counts = torch.from_numpy(place).to(x.device) - value * table.shape[1]
    return (counts.to(x.dtype) / photons).permute(0, 3, 1, 2)


def impulse_noise(x: Tensor, amount: float, generators: Generators) -> Tensor:
    """Salt and pepper: each channel of each pixel becomes 0 or 1, equally often, with probability `amount`."""
    shape = (2, *x.shape[2:], 3)
    hit, salt = draw(generators, lambda g: g.random(shape), x).permute(1, 0, 4, 2, 3)
    return torch.where(hit < amount, (salt < 0.5).to(x), x)
