"""Alignment and uniformity on the unit sphere (Wang & Isola, ICML 2020, section 4.1)."""

import math

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

ROWS_AT_ONCE = 4096  # of N rows: above it uniformity holds ROWS_AT_ONCE x N numbers in memory, not N²


def align_loss(x: Tensor, y: Tensor, alpha: float = 2.0) -> Tensor:
    """mean_i ||x_i - y_i||^alpha: how far apart the two views of an image lie.

    x, y: float [N, D], unit rows, row i of both from image i. Returns a scalar in [0, 2^alpha]; 0 is perfect alignment.
    The gradient of a pair that lies on one point is 0.
    """
    squared = (x - y).square().sum(1)
    if alpha == 2:
        return squared.mean()
    apart = squared > 0  # the gradient of 0^(alpha/2) would be infinite, times 0
    return torch.where(apart, torch.where(apart, squared, 1).pow(alpha / 2), 0).mean()


def uniform_loss(x: Tensor, t: float = 2.0) -> Tensor:
    """log mean_{i<j} exp(-t ||x_i - x_j||²): how far the embeddings are from covering the sphere evenly.

    x: float [N, D], unit rows, N >= 2. Returns a scalar in [-4t, 0]: 0 when all rows are one point, near -2t when they
    are spread evenly over a sphere of many dimensions. Negative values are what training looks for. Computed through
    one matrix product, ||a - b||² = 2 - 2 a·b; computed in parts, and again for the gradient, if N > ROWS_AT_ONCE.
    Raises ValueError for fewer than two rows.
    """
    count = len(x)
    if count < 2:
        raise ValueError(f"uniformity is over pairs of different images; a batch of {count} has none")

    def pairs_of(start: int) -> Tensor:
        """log of the sum over rows start .. start + ROWS_AT_ONCE - 1 and all others."""
        exponent = 2 * t * (x[start : start + ROWS_AT_ONCE] @ x.T - 1)
        itself = torch.arange(len(exponent), device=x.device)
        return exponent.index_put((itself, start + itself), x.new_tensor(-math.inf)).flatten().logsumexp(0)

    if count <= ROWS_AT_ONCE:
        total = pairs_of(0)
    else:
        starts = range(0, count, ROWS_AT_ONCE)
        total = torch.stack([checkpoint(pairs_of, start, use_reentrant=False) for start in starts]).logsumexp(0)
    return total - math.log(count * (count - 1))


def align_uniform_loss(x: Tensor, y: Tensor, align_w: float = 1.0, unif_w: float = 1.0, align_alpha: float = 2.0,
                       unif_t: float = 2.0) -> tuple[Tensor, Tensor, Tensor]:
    """align_w · align(x, y) + unif_w · (uniform(x) + uniform(y)) / 2, and the two terms: (loss, align, uniform)."""
    align = align_loss(x, y, align_alpha)
    uniform = (uniform_loss(x, unif_t) + uniform_loss(y, unif_t)) / 2
    return align_w * align + unif_w * uniform, align, uniform
