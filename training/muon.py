"""Muon: convolutions, and linear layers if asked, change by their momentum made orthogonal, everything else by AdamW.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; scale of Liu et al., "Muon is scalable
for LLM training", 2025, section 2.2. torch has a Muon for matrices alone, in bfloat16. The linear layers of
SmallAlexNet are better left to AdamW: making them orthogonal would cost more than the rest of a step on a CPU. Those of
an MLP are small.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
RATE = 10.0  # of what is made orthogonal, times that of AdamW


class Muon(torch.optim.AdamW):
    """AdamW's arguments and state, but weights [out, in, height, width], and [out, in] if `linear`, take Muon's steps:
    with the gradient G,

        M ← 0.95 M + G,    W ← (1 - r·weight_decay) W - 0.2 r √max(out, in·height·width) · orthogonal(G + 0.95 M),

    r being ten times the learning rate."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, *, linear: bool = False, **of_adamw: Any):
        super().__init__(parameters, lr, **of_adamw)
        self.dimensions = (2, 4) if linear else (4,)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            rate = RATE * group["lr"]
            for weight in (p for p in group["params"] if p.ndim in self.dimensions and p.grad is not None):
                state = self.state[weight]
                if not state:  # "step" is what AdamW looks for when a state is loaded
                    state |= {"step": torch.zeros((), device=weight.device), "momentum": torch.zeros_like(weight)}
                state["step"] += 1
                state["momentum"].mul_(MOMENTUM).add_(weight.grad)
                direction = orthogonal((weight.grad + MOMENTUM * state["momentum"]).flatten(1))
                weight.mul_(1 - rate * group["weight_decay"])
                weight.sub_(0.2 * rate * max(direction.shape) ** 0.5 * direction.view(weight.shape))
                weight.grad = None  # AdamW passes over it
        super().step()


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Nearly the U V' of matrix = U S V', float32 [M, N]: its singular values lie between 0.7 and 1.2 but for tiny S.

    By Newton–Schulz iteration with Jordan's coefficients, which are quick rather than exact.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide is matrix else x.T
