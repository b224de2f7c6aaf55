"""What a viewmaker does, in numbers, and the two ways in which it fails."""

import sys

import torch
from torch import Tensor
from torch.nn import functional as F

NEAR = 0.02  # share of the loss's range within which it is at its maximum
ALIKE = 0.99  # cosine above which two perturbations are one
PATIENCE = 200  # steps in a row


@torch.no_grad()
def describe_views(delta: Tensor, moved: Tensor, views: Tensor) -> dict[str, Tensor]:
    """Scalars of the perturbations delta [2N, ...]: rows i and N + i of one input with two draws of noise.

    delta_mean, delta_max: of |values|. clamped: share of the values of `moved` (input + delta) that a limit held back
    in `views`. cos_noises, cos_inputs: mean cosine between the perturbations of one input, and of two inputs.
    """
    size, flat = delta.abs(), F.normalize(delta.flatten(1), dim=1)
    first, second = flat.chunk(2)
    return {"delta_mean": size.mean(), "delta_max": size.amax(), "clamped": (moved != views).float().mean(),
            "cos_noises": (first * second).sum(1).mean(), "cos_inputs": (first * first.roll(1, 0)).sum(1).mean()}


class Watch:
    """Says in a line on stderr when a failure has lasted PATIENCE steps, once each time it comes."""

    def __init__(self, budget: float):
        self.lasted = {"blind": 0, "one_delta": 0}
        self.lines = {"blind": f"the loss is at its maximum: views tell nothing of their inputs. Lower --budget (now "
                               f"{budget:g})",
                      "one_delta": "the perturbation is the same for all noises: both views of an input are one. Raise "
                                   "--view_lr, or pass --adversary alignment"}

    def __call__(self, number: int, failing: dict[str, bool]) -> None:
        """failing: of each failure, whether step `number` shows it."""
        for name, fails in failing.items():
            self.lasted[name] = self.lasted[name] + 1 if fails else 0
            if self.lasted[name] == PATIENCE:
                print(f"warning: for {PATIENCE} steps, up to {number + 1}, {self.lines[name]}", file=sys.stderr,
                      flush=True)
