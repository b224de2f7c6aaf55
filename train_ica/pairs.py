"""Positive pairs: latents, their partners, and what is observed of both, as a function of (seed, step)."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from train_ica.mixing import Mixing
from train_ica.options import Options
from utils.seeding import generator, stable_key

TRAINING, SCORING = "training", "scoring"  # two streams of random numbers


class Batch(NamedTuple):
    """Observations x and y of the pairs, row by row, and the latents of x, float64 [N, n]."""

    x: Tensor
    y: Tensor
    z: np.ndarray


class Pairs(Protocol):
    """Where pairs come from; `channels_in` is what an MLP on the observations takes."""

    def training(self, step: int) -> Batch:
        """The batch of a step."""

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        """Observations and their latents that have nothing to do with training, for score `number`."""


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


class MixedPairs:
    """Pairs seen through the random network."""

    def __init__(self, options: Options, device: torch.device):
        self.options, self.device, self.latents = options, device, LatentDraws(options)
        self.mixing = Mixing(options.dim, options.mixing_layers, options.activation, options.mixing_weights,
                             options.seed, device)

    def observe(self, z: np.ndarray) -> Tensor:
        return self.mixing(torch.from_numpy(z).float().to(self.device))

    def training(self, step: int) -> Batch:
        z, partner = self.latents.draw(TRAINING, step, self.options.batch_size)
        return Batch(self.observe(z), self.observe(partner), z)

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        z, _ = self.latents.draw(SCORING, number, samples)
        return self.observe(z), z


def open_pairs(options: Options, device: torch.device) -> Pairs:
    """The pairs that `options` ask for. Raises UserError for data that are not there or do not go with them."""
    return MixedPairs(options, device)
