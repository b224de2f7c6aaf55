"""Positive pairs: where those of a run come from, and those seen through the random network."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from train_ica.latents.draws import SCORING, TRAINING, Batch, LatentDraws
from train_ica.latents.image_pairs import open_images
from train_ica.latents.mixing import Mixing
from train_ica.options import Options


class Pairs(Protocol):
    """Where pairs come from."""

    def training(self, step: int) -> Batch:
        """The batch of a step."""

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        """Observations and their latents that have nothing to do with training, for score `number`."""


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
    return open_images(options, device) if options.data else MixedPairs(options, device)
