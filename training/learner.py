"""What differs between trainers: the contract that `training.loop.train` runs."""

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor


class Learner(Protocol):
    """Something that learns step by step. All it does is a function of its options and the number of the step."""

    total_steps: int
    shown: tuple[str, ...]  # numbers for the progress line and the done-record

    def step(self, number: int) -> dict[str, Tensor]:
        """Take step `number`, counted from 0; returns its numbers, scalars on the CPU, for the log.

        "images", if it is among them, is how many were seen, and is logged as images a second. Raises UserError before
        any weight changes. Of several processes all take each step; what one raises need not reach the others.
        """

    def state(self) -> dict[str, Any]:
        """All that a resume needs, as tensors and plain containers. `models` finds an encoder under "encoder"."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned. May raise any exception for anything else."""

    def export(self, folder: Path) -> None:
        """Write encoder.pth, and whatever else a finished run gives."""

    def close(self) -> None:
        """Stop what works ahead of the steps, such as workers that render."""
