"""The losses an encoder can minimise while a viewmaker maximises them, and where each of them begins and ends."""

import math
import os
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from losses.align_uniform import align_uniform_loss
from losses.instance_discrimination import instance_loss, moved_memory
from losses.nt_xent import nt_xent_loss
from losses.one_directional import one_directional_loss
from train_viewmaker.options import Options
from utils.cli import UserError
from utils.files import human_bytes
from utils.seeding import generator, stable_key

DIMENSIONS = 128  # of an embedding


class Terms(NamedTuple):
    """loss, and its part `align` that falls as the two views of an input come closer: scalars.

    blind: the loss where views tell nothing of their input. depth: how far below that it can come, about.
    """

    loss: Tensor
    align: Tensor
    blind: float
    depth: float


class Bank:
    """A unit vector of each input, on the device. Raises UserError for inputs that never come again, and for a bank
    that memory cannot hold."""

    def __init__(self, count: int, endless: bool, options: Options, device: torch.device):
        if endless:
            raise UserError("--objective inst-disc remembers each image, and of an endless set none comes again; pass "
                            "--samples, or a folder without --mix")
        need = 4 * count * (DIMENSIONS + 4 * options.batch_size)  # the bank, and two views' scores and their gradient
        there = (torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else
                 os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        if need > there:
            raise UserError(f"a memory bank of {count:,} inputs takes {human_bytes(need)} with batches of "
                            f"{options.batch_size}, and there are {human_bytes(there)} of memory; pass another "
                            "--objective, or fewer inputs")
        rng = generator(stable_key("memory bank", options.seed), 0)
        start = rng.uniform(-1, 1, (count, DIMENSIONS)).astype(np.float32)
        self.rows, self.options = F.normalize(torch.from_numpy(start), dim=1).to(device), options

    def terms(self, x: Tensor, y: Tensor, step: int, indices: np.ndarray) -> Terms:
        """Both views against the bank, with the same negatives."""
        o, (count, device) = self.options, (len(self.rows), self.rows.device)
        rng = generator(stable_key("negatives", o.seed), step)
        negatives = torch.from_numpy(rng.integers(0, count, (len(indices), o.negatives))).to(device)
        own = torch.from_numpy(indices).to(device)
        views = torch.cat([x, y])
        loss = instance_loss(views, self.rows, own.repeat(2), negatives.repeat(2, 1), o.temperature)
        align = -(views * self.rows[own.repeat(2)]).sum(1).mean() / o.temperature
        return Terms(loss, align, 0.0, 1 / o.temperature)

    @torch.no_grad()
    def remember(self, x: Tensor, y: Tensor, indices: np.ndarray) -> None:
        """Move the memories of inputs towards the mean of their two views."""
        own = torch.from_numpy(indices).to(self.rows.device)
        self.rows[own] = moved_memory(self.rows[own], (x + y) / 2, self.options.bank_momentum)


def terms_of_batch(x: Tensor, y: Tensor, options: Options) -> Terms:
    """The objectives that compare the inputs of a batch. x, y: float [N, D], unit rows, row i of both from input i."""
    count, t = len(x), options.temperature
    if options.objective == "align-uniform":  # blind: evenly spread, a partner as far away as anyone
        loss, align, _ = align_uniform_loss(x, y)
        return Terms(loss, align, -2.0, 2.0)
    align = -(x * y).sum(1).mean() / t
    if options.objective == "nt-xent":
        return Terms(nt_xent_loss(x, y, t), align, math.log(2 * count - 1), math.log(2 * count - 1))
    return Terms(one_directional_loss(x, y, t), align, 0.0, math.log(count))
