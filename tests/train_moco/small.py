"""A learner with a tiny encoder on few images.

As a command this file is one of two processes, which writes what it computed: python small.py FOLDER
"""

import copy
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from train_moco import encoders
from train_moco.learner import Moco
from train_moco.options import Options
from training.distributed import ALONE, Processes
from training.images.streams import PackedImages

CPU = torch.device("cpu")
SMALL = Options(batch_size=8, steps=9, lr=0.05, groups=4, queue=24, dim=6, size=32, key_momentum=0.9, cosine=False)
IMAGES = np.random.default_rng(0).integers(0, 256, (26, 6, 6, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)


class Tiny(nn.Module):
    """An encoder of two convolutions with BatchNorm, and a projection."""

    def __init__(self, seed: int, dim: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, 2),
                                      nn.BatchNorm2d(12), nn.ReLU())
            self.fc = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x).mean((2, 3)))


def learner(processes: Processes = ALONE, float64: bool = False, **changes: object) -> Moco:
    made = encoders.make_encoder
    encoders.make_encoder = Tiny
    try:
        ours = Moco(dataclasses.replace(SMALL, **changes), PackedImages(IMAGES), CPU)
    finally:
        encoders.make_encoder = made
    if float64:
        ours.encoder.double(), ours.key_encoder.double()
        ours.queue = ours.queue.double()
        drawn = ours.pairs.view
        ours.pairs.view = lambda *which: drawn(*which).double()
    if processes.count > 1:  # by hand: DDP must not find out later that the weights have become float64
        ours.processes = ours.pairs.processes = processes
        for part in (ours.queries, ours.keys):
            part.groups = ours.options.groups_here(processes.count)
        ours.queries = torch.nn.parallel.DistributedDataParallel(ours.queries)
    return ours


def steps(ours: Moco, count: int = 7) -> dict[str, object]:
    """What `count` steps come to: two epochs of 26 images, each 3 steps, and one more."""
    values = [{name: value.item() for name, value in ours.step(number).items()} for number in range(count)]
    return {"values": values, "state": copy.deepcopy(ours.state())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with Processes.join(CPU) as here:
        torch.save(steps(learner(here, float64=True)), Path(sys.argv[1]) / f"{here.rank}.pth")
