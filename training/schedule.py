"""Learning rate as a closed-form function of the step, and when to save."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


def learning_rate(step: int, *, base: float, total_steps: int, steps_per_epoch: int, decay_epochs: Sequence[int],
                  decay_rate: float, warmup_steps: int, cosine: bool) -> float:
    """Learning rate of step `step`, counted from 0.

    The paper's: `base`, times `decay_rate` from each epoch of `decay_epochs` on. With `cosine`: half a cosine from
    `base` to 0 instead. `warmup_steps` > 0 multiplies either by (step + 1) / warmup_steps at first.
    """
    warmup = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    if cosine:
        return base * warmup * 0.5 * (1 + math.cos(math.pi * step / total_steps))
    return base * warmup * decay_rate ** sum(step // steps_per_epoch >= epoch for epoch in decay_epochs)


@dataclass
class SaveClock:
    """Says when to save a checkpoint so that saving takes at most `share` of the time since `start`.

    `cost` is what the next save is expected to take, in seconds: a guess at first, then what the last one took.
    """

    start: float
    cost: float
    share: float = 0.02
    every: float = 10.0  # seconds; saving more often than this gains nobody anything
    spent: float = 0.0
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.start

    def due(self, now: float) -> bool:
        """Whether a save at time `now` keeps the promise."""
        return now - self.last >= self.every and self.spent + self.cost <= self.share * (now - self.start)

    def saved(self, began: float, ended: float) -> None:
        """Account for a save."""
        self.cost = ended - began
        self.spent += self.cost
        self.last = ended
