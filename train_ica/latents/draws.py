"""Latents and their partners, drawn from the laws of a run as a function of (seed, step)."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from train_ica.options import Options
from utils.seeding import generator, stable_key

TRAINING, SCORING = "training", "scoring"  # two streams of random numbers


class Batch(NamedTuple):
    """Observations x and y of the pairs, row by row, and the latents of x, float64 [N, n]."""

    x: Tensor
    y: Tensor
    z: np.ndarray


class LatentDraws:
    """Latents and partners drawn from the laws of `options`."""

    def __init__(self, options: Options):
        self.options = options
        self.space, self.marginals, self.conditionals = (options.product(), options.laws("marginal"),
                                                         options.laws("conditional"))
        self.draw(TRAINING, 0, 2)  # laws that do not go with a space are refused now

    def draw(self, stream: str, number: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """z and its partners, float64 [count, n] each."""
        rng = generator(stable_key("latent pairs", stream), (self.options.seed * 2**40 + number) % 2**64)
        z = self.space.marginal(rng, count, self.marginals)
        return z, self.space.conditional(rng, z, self.conditionals)
