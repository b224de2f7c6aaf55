"""Instance discrimination by noise-contrastive estimation against a memory bank (Wu et al., CVPR 2018)."""

import math

from torch import Tensor
from torch.nn import functional as F


def instance_loss(x: Tensor, bank: Tensor, own: Tensor, negatives: Tensor, temperature: float = 0.07) -> Tensor:
    """-mean_i [x_i·m_i / t - log (1/k) sum_j exp(x_i·m_ij / t)]: each row must tell its own memory from k others.

    x: float [N, D], unit rows. bank: float32 [M, D], unit rows, no gradient. own: int64 [N], and negatives: int64
    [N, k], rows of the bank; the same row may come twice. Returns a scalar: 0 if all rows are one point, near -1/t at
    best. Multiplies by the whole bank at once, N·M numbers, which is quicker than gathering N·k rows of it unless M is
    far larger than k.
    """
    scores = x.float() @ bank.T / temperature
    near, far = scores.gather(1, own[:, None]), scores.gather(1, negatives)
    return (far.logsumexp(1) - math.log(negatives.shape[1]) - near[:, 0]).mean()


def moved_memory(memory: Tensor, x: Tensor, momentum: float = 0.5) -> Tensor:
    """The memories of rows that were seen: unit rows of momentum · memory + (1 - momentum) · x, float [N, D] each."""
    return F.normalize(momentum * memory + (1 - momentum) * x, dim=1)
