"""How far a student's embeddings of corrupted images are from a teacher's of the clean ones (Ravula et al., NeurIPS
2021, section 3; the names are those of the released code)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from losses.nt_xent import nt_xent_loss

LOSSES = ("st", "ss", "both", "nt-xent", "clip", "mse")


def distillation_loss(student: Tensor, teacher: Tensor, kind: str = "st", tau: float = 0.1) -> Tensor:
    """A scalar. student, teacher: float [N, D], of any length; row i of both from image i. tau: temperature.

    With s and t the unit rows, the mean over i of

        st       -s_i·t_i / tau + log sum_j exp(s_i·t_j / tau)                  (of the published students)
        ss       -s_i·t_i / tau + log sum_{j≠i} exp(s_i·s_j / tau)              (may be negative)
        both     -s_i·t_i / tau + log (sum_{j≠i} exp(s_i·s_j / tau) + sum_j exp(s_i·t_j / tau))
        nt-xent  NT-Xent of the 2N rows s and t
        clip     the mean of st and of st with s and t exchanged
        mse      the mean squared difference of the rows as they are

    Raises ValueError for another `kind`.
    """
    if kind == "mse":
        return F.mse_loss(student, teacher)
    s, t = F.normalize(student, dim=1), F.normalize(teacher, dim=1)
    if kind == "nt-xent":
        return nt_xent_loss(s, t, tau)
    across, own = s @ t.T / tau, torch.arange(len(s), device=s.device)
    if kind == "st":
        return F.cross_entropy(across, own)
    if kind == "clip":
        return (F.cross_entropy(across, own) + F.cross_entropy(across.T, own)) / 2
    if kind not in ("ss", "both"):
        raise ValueError(f"there is no loss called {kind!r}; the names are {', '.join(LOSSES)}")
    within = (s @ s.T / tau).fill_diagonal_(-math.inf)
    others = within if kind == "ss" else torch.cat([within, across], dim=1)
    return (others.logsumexp(1) - across.diagonal()).mean()


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """mean of 1 - cosine over pairs of vectors along dimension 1: float [N, D], or maps [N, D, H, W], position by
    position. A scalar in [0, 2]."""
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()
