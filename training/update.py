"""What changes one set of parameters: optimiser, learning rate, and the guard against numbers that are not finite.

A step of a learner with the updates `updates` (an adversary has its own):

    loss.backward()
    values = read_finite(number, {"loss": loss, ...}, *updates)       # the one read from the device; raises UserError
    ...                                                               # what else must hold
    rate = update(number)                                             # weights change
"""

import functools
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from training.muon import Muon
from training.options import TrainingOptions
from training.schedule import learning_rate
from utils.cli import UserError

REMEDY = ("the checkpoint is as it was before it. Lower --lr{}, or pass --warmup_steps or --precision float32, and "
          "choose a new --output")


class Update:
    """The optimiser of `parameters` that `options` describe, on `images` images an epoch."""

    def __init__(self, parameters: Iterable[nn.Parameter], options: TrainingOptions, images: int):
        self.parameters, self.options = list(parameters), options
        self.steps_per_epoch, self.total_steps = options.steps_per_epoch(images), options.total_steps(images)
        make = {"sgd": functools.partial(torch.optim.SGD, momentum=options.momentum),
                "adamw": torch.optim.AdamW, "muon": Muon,
                "muon-linear": functools.partial(Muon, linear=True)}[options.optimizer]
        # Fused: one pass over the weights instead of three or more.
        self.optimizer = make(self.parameters, options.base_lr, weight_decay=options.weight_decay, fused=True)

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def gradient_norm(self) -> Tensor:
        """A scalar on the device."""
        return torch.nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])

    def __call__(self, number: int) -> Tensor:
        """Change the parameters by their gradients; returns the learning rate of step `number`, counted from 0."""
        o = self.options
        rate = learning_rate(number, base=o.base_lr, total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch,
                             decay_epochs=o.lr_decay_epochs, decay_rate=o.lr_decay_rate, warmup_steps=o.warmup_steps,
                             cosine=o.cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return torch.tensor(rate, dtype=torch.float64)

    def sizes(self) -> tuple[int, int]:
        """Bytes of the parameters, and of what the optimiser keeps."""
        state = [value for values in self.optimizer.state.values() for value in values.values()]
        return tensor_bytes(self.parameters), tensor_bytes(state)


def read_finite(number: int, values: dict[str, Tensor], *updates: Update) -> dict[str, Tensor]:
    """The scalars `values` on the CPU, float64, by one read from the device that also fetches the norms of gradients.

    Raises UserError if one of them, or the gradient of one of `updates`, is not finite in step `number`.
    """
    scalars = [*values.values(), *(update.gradient_norm() for update in updates)]
    there = torch.stack([scalar.detach().double() for scalar in scalars]).cpu()
    for name, value in zip((*values, *["gradient"] * len(updates)), there.tolist(), strict=True):
        if not math.isfinite(value):
            rate = f" (now {updates[0].options.base_lr:g})" if updates else ""
            raise UserError(f"the {name} became {value} at step {number + 1}; {REMEDY.format(rate)}")
    return dict(zip(values, there, strict=False))


def tensors_in(state: Any) -> list[Tensor]:
    """All tensors in nested containers."""
    if isinstance(state, Tensor):
        return [state]
    inside = state.values() if isinstance(state, dict) else state if isinstance(state, (list, tuple)) else ()
    return [tensor for value in inside for tensor in tensors_in(value)]


def tensor_bytes(state: Any) -> int:
    """The size of all tensors in nested containers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_in(state))


def require_finite_state(state: dict[str, Any], step: int) -> None:
    """Raises UserError if a number that a checkpoint after `step` steps would hold is not finite, or nearly so."""
    floats = [tensor for tensor in tensors_in(state) if tensor.is_floating_point()]
    norm = torch.nn.utils.get_total_norm(floats)
    if not norm.isfinite():
        raise UserError(f"the norm of the weights became {norm.item()} at step {step}; {REMEDY.format('')}")
