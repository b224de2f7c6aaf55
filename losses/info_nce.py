"""InfoNCE with the similarity that matches how positive pairs are drawn (Zimmermann et al., ICML 2021, section 3)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

CHUNK = 1 << 18  # distances held at a time, in a few buffers: rows of x are taken in parts of CHUNK / N

Powers = Sequence[float]


def check_powers(powers: Powers) -> None:
    """Raises ValueError for an exponent that is neither 0 nor at least 1."""
    if not all(p == 0 or p >= 1 for p in powers):
        raise ValueError(f"exponents must be 0 (dot product) or at least 1, not {list(powers)}")


def _distances(rows: Tensor, x: Tensor, powers: Powers) -> Tensor:
    """d [R, N] between each row and each of x: the sum of `_terms` over dimensions."""
    squares = [j for j, p in enumerate(powers) if p == 2]
    dots = [j for j, p in enumerate(powers) if p == 0]
    result = rows.new_zeros(len(rows), len(x))
    if dots:
        result.addmm_(rows[:, dots], x[:, dots].T, alpha=-1)
    if squares:  # |a - b|² = |a|² + |b|² - 2 a·b, about the middle, where it loses the least to rounding
        middle = x[:, squares].mean(0)
        a, b = rows[:, squares] - middle, x[:, squares] - middle
        squared = torch.addmm(a.square().sum(1, keepdim=True) + b.square().sum(1), a, b.T, alpha=-2)
        result += squared.clamp_(min=0)
    for j, p in enumerate(powers):
        if p not in (0, 2):
            apart = (rows[:, j, None] - x[:, j]).abs_()
            result += apart if p == 1 else apart.pow_(p)
    return result


def _pulled(weights: Tensor, rows: Tensor, x: Tensor, powers: Powers) -> Tensor:
    """Gradient [R, n] of sum_ik weights_ik d_ik with respect to the rows, of which the x are no part."""
    result = weights @ x  # of the dot products, but for the sign
    total = weights.sum(1)
    for j, p in enumerate(powers):
        if p == 0:
            result[:, j].neg_()
        elif p == 2:
            result[:, j] = 2 * (total * rows[:, j] - result[:, j])
        else:
            apart = rows[:, j, None] - x[:, j]
            slope = apart.sgn() if p == 1 else apart.abs().pow_(p - 1).mul_(p).copysign_(apart)
            result[:, j] = slope.mul_(weights).sum(1)
    return result


class _Crowding(torch.autograd.Function):
    """x [N, n] -> log sum_k exp(-d(x_i, x_k) / tau) for each i, [N], in parts that are computed again for the gradient.

    d is symmetric, so the gradient of row i is a sum over k of what i and k each ask of their distance.
    """

    @staticmethod
    def forward(context, x: Tensor, powers: Powers, tau: float, self_pairs: bool) -> Tensor:
        rows = max(CHUNK // len(x), 1)
        parts = []
        for start in range(0, len(x), rows):
            d = _distances(x[start : start + rows], x, powers).div_(-tau)
            if not self_pairs:
                d.diagonal(start).fill_(-math.inf)
            parts.append(d.logsumexp(1))
        result = torch.cat(parts)
        context.save_for_backward(x, result)
        context.facts = powers, tau, self_pairs, rows
        return result

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        x, total = context.saved_tensors
        powers, tau, self_pairs, rows = context.facts
        parts = []
        for start in range(0, len(x), rows):
            here = slice(start, start + rows)
            d = _distances(x[here], x, powers).div_(-tau)
            if not self_pairs:
                d.diagonal(start).fill_(-math.inf)
            weights = (d - total[here, None]).exp_().mul_(gradient[here, None])
            weights += d.sub_(total).exp_().mul_(gradient)
            parts.append(_pulled(weights.div_(-tau), x[here], x, powers))
        return torch.cat(parts), None, None, None


def info_nce_loss(x: Tensor, y: Tensor, powers: float | Powers = 0.0, tau: float = 1.0, align_w: float = 1.0,
                  self_pairs: bool = False, decoupled: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """InfoNCE of pairs (x_i, y_i), with all other rows of x as the negatives of x_i: (loss, align, uniform).

    loss_i = align_w d(x_i, y_i) / tau + log(exp(-d(x_i, y_i) / tau) + sum_k≠i exp(-d(x_i, x_k) / tau)), its mean over
    i; the first part is `align`, the second `uniform`.

    x, y: float [N, n], N >= 2, row i of both from one source. powers: the exponent p of d(a, b) = sum_j |a_j - b_j|^p,
    one for all dimensions or one for each; 0 stands for the dot product, d = -a·b, for unit rows. self_pairs: also
    count x_i among its own negatives, as the released code does. decoupled: `uniform` without the positive, and the
    mean over negatives in place of the sum, whose limit for large N it is. Raises ValueError for fewer than two rows
    and for exponents between 0 and 1. Computed in float32 at least.
    """
    if len(x) < 2:
        raise ValueError(f"a batch of {len(x)} has no negatives")
    powers = tuple(powers) if isinstance(powers, Sequence) else (powers,) * x.shape[1]
    check_powers(powers)
    if x.dtype in (torch.bfloat16, torch.float16):
        x, y = x.float(), y.float()
    near = x.new_zeros(len(x))
    for j, p in enumerate(powers):
        near = near + (-x[:, j] * y[:, j] if p == 0 else (x[:, j] - y[:, j]).abs().pow(p))
    near = near / tau
    crowd = _Crowding.apply(x, powers, tau, self_pairs)
    if decoupled:
        uniform = crowd.mean() - math.log(len(x) if self_pairs else len(x) - 1)
    else:
        uniform = torch.logaddexp(-near, crowd).mean()
    align = near.mean()
    return align_w * align + uniform, align, uniform
