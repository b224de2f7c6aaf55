"""The four mixtures of distortions, drawn for each image by itself.

1   each with a probability of its own: colour jitter 0.5, blur 0.4, noise 0.4, mask 0.1
2   at most one of the four, with probability 0.6 in all, in the proportion 0.5 : 0.4 : 0.4 : 0.1
3   blur and noise, each with probability 0.8
4   at most one of blur and noise, each with probability 0.3

Colour jitter changes brightness and contrast by up to 0.4, saturation by 0.2, hue by 0.1 of a turn, in a random order;
blurs have 23 samples and sigma U[1, 5]; noise sigma U[0.1, 0.5] (U[0.05, 0.5] in 3); masks U[0.25, 0.5]; in this order.
The released code draws which one once a run in 2 and 4 (Ravula et al. 2021).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.corruptions.distortions import gaussian_blur, gaussian_noise, random_mask
from datasets.views.batched import jitter
from datasets.views.parameters import HUE
from utils.device_seeding import normals, words
from utils.seeding import stable_key, uniforms

KERNEL = 23
JITTER, BLUR, NOISE, MASK = range(4)
EACH = {1: (0.5, 0.4, 0.4, 0.1), 3: (0.0, 0.8, 0.8, 0.0)}  # probability of each
ONE = {2: (0.5, 0.4, 0.4, 0.1), 4: (0.0, 1.0, 1.0, 0.0)}  # proportion of each
ANY = 0.6  # probability that there is one
LEVELS = np.array([[0, 0], [1, 5], [0.1, 0.5], [0.25, 0.5]])  # lowest and highest of each
AMOUNTS = np.array([0.4, 0.4, 0.2, 0.1])  # of brightness, contrast, saturation, hue


def chosen(mode: int, drawn: np.ndarray) -> np.ndarray:
    """Which distortions each image gets: bool [B, 4], of uniform numbers float64 [B, 4]."""
    if mode in EACH:
        return drawn < EACH[mode]
    edges = np.cumsum(ONE[mode]) / sum(ONE[mode]) * ANY
    which = np.searchsorted(edges, drawn[:, 0], side="right")  # 4: none
    return which[:, None] == np.arange(4)


def mixture(mode: int, x: Tensor, indices: np.ndarray, seed: Any, epoch: int) -> Tensor:
    """x with mixture `mode`: float [B, 3, H, W] in [0, 1] to the same, beyond [0, 1] with noise. See `Distortion`."""
    key = stable_key("distortion", "multi", mode, seed, epoch)
    drawn = uniforms(key, indices, 16)
    has = chosen(mode, drawn[:, :4])
    low, high = LEVELS.T.copy()
    low[NOISE] = 0.05 if mode == 3 else low[NOISE]
    level = low + (high - low) * drawn[:, 4:8]
    x = x.clone()

    def of(which: int) -> tuple[np.ndarray, Tensor, Tensor]:
        """The rows that get a distortion, as NumPy and as torch has them, and its levels."""
        rows = np.flatnonzero(has[:, which])
        return rows, torch.from_numpy(rows).to(x.device), torch.from_numpy(level[rows, which]).to(x.device)

    if (rows := of(JITTER))[0].size:
        factor = 1 + AMOUNTS * (2 * drawn[rows[0], 8:12] - 1)
        factor[:, HUE] -= 1
        order, part = np.argsort(drawn[rows[0], 12:16], axis=1), x[rows[1]]
        for place in range(4):
            part = jitter(part, order[:, place], factor)
        x[rows[1]] = part
    if (rows := of(BLUR))[0].size:
        x[rows[1]] = gaussian_blur(x[rows[1]], KERNEL, rows[2])
    if (rows := of(NOISE))[0].size:
        noise = normals(stable_key("noise", key), indices[rows[0]], x[0].numel(), x.device)
        x[rows[1]] = gaussian_noise(x[rows[1]], rows[2], noise)
    if (rows := of(MASK))[0].size:
        random = words(stable_key("mask", key), indices[rows[0]], x[0, 0].numel(), x.device)
        x[rows[1]] = random_mask(x[rows[1]], rows[2], random)
    return x
