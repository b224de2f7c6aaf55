"""NT-Xent, the loss of SimCLR."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def nt_xent_loss(x: Tensor, y: Tensor, temperature: float = 0.5) -> Tensor:
    """NT-Xent (Chen et al., "A simple framework for contrastive learning", ICML 2020, equation 1).

    Each of the 2N views must tell its partner from the 2N - 2 others by cosine / temperature: a mean cross-entropy. x,
    y: float [N, D], unit rows, row i of both from image i. Returns a scalar; log(2N - 1) if all rows are one point.
    """
    views = torch.cat([x, y])
    scores = views @ views.T / temperature
    scores = scores.masked_fill(torch.eye(len(views), dtype=torch.bool, device=x.device), -math.inf)
    partner = torch.arange(len(views), device=x.device).roll(len(x))
    return F.cross_entropy(scores, partner)
