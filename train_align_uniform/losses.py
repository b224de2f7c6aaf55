"""Alignment and uniformity on the unit sphere (Wang & Isola, ICML 2020, section 4.1)."""

import math

import torch
from torch import Tensor


def align_loss(x: Tensor, y: Tensor, alpha: float = 2.0) -> Tensor:
    """mean_i ||x_i - y_i||^alpha: how far apart the two views of an image lie.

    x, y: float [N, D], unit rows, row i of both from image i. Returns a scalar in [0, 2^alpha]; 0 is perfect alignment.
    """
    return (x - y).norm(dim=1).pow(alpha).mean()


def uniform_loss(x: Tensor, t: float = 2.0) -> Tensor:
    """log mean_{i<j} exp(-t ||x_i - x_j||²): how far the embeddings are from covering the sphere evenly.

    x: float [N, D], unit rows, N >= 2. Returns a scalar in [-4t, 0]: 0 when all rows are one point, near -2t when they
    are spread evenly over a sphere of many dimensions. Negative values are what training looks for. Computed through
    one matrix product, ||a - b||² = 2 - 2 a·b. Raises ValueError for fewer than two rows.
    """
    count = len(x)
    if count < 2:
        raise ValueError(f"uniformity is over pairs of different images; a batch of {count} has none")
    exponent = 2 * t * (x @ x.T - 1)
    exponent = exponent.masked_fill(torch.eye(count, dtype=torch.bool, device=x.device), -math.inf)
    return exponent.flatten().logsumexp(dim=0) - math.log(count * (count - 1))


def align_uniform_loss(x: Tensor, y: Tensor, align_w: float = 1.0, unif_w: float = 1.0, align_alpha: float = 2.0,
                       unif_t: float = 2.0) -> tuple[Tensor, Tensor, Tensor]:
    """align_w · align(x, y) + unif_w · (uniform(x) + uniform(y)) / 2, and the two terms: (loss, align, uniform)."""
    align = align_loss(x, y, align_alpha)
    uniform = (uniform_loss(x, unif_t) + uniform_loss(y, unif_t)) / 2
    return align_w * align + unif_w * uniform, align, uniform
