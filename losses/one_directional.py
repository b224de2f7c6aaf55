"""SimCLR's loss in the form that the viewmaker's authors released."""

import math

import torch
from torch import Tensor


def one_directional_loss(x: Tensor, y: Tensor, temperature: float = 0.07) -> Tensor:
    """-mean_i [x_i·y_i / t - log sum_j (exp(x_i·x_j / t) + exp(x_i·y_j / t)) + log 2N] (Tamkin et al., ICLR 2021).

    Unlike NT-Xent it asks x for its y but not y for its x, counts x_i·x_i among the negatives, and subtracts log 2N: 0
    if all rows are one point, -log N at best. x, y: float [N, D], unit rows, row i of both from image i; a scalar.
    """
    others = torch.cat([x @ x.T, x @ y.T], dim=1) / temperature
    return (others.logsumexp(1) - math.log(others.shape[1]) - (x * y).sum(1) / temperature).mean()
