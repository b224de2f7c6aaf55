"""A learner of forty lines, with nothing but `training/`: a linear map that learns to be the identity.

As a command it trains in the folder it is given: python toy.py FOLDER [SECONDS of a step]
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import save_torch
from training import loop
from training.distributed import ALONE, Processes
from training.options import TrainingOptions
from training.update import Update, read_finite
from utils.cli import run
from utils.run_folder import RunFolder


class Toy:
    shown = ("loss",)
    total_steps = 40

    def __init__(self, processes: Processes = ALONE, pause: float = 0.0):
        self.processes, self.pause = processes, pause
        self.map = nn.Linear(4, 4)
        nn.init.constant_(self.map.weight, 0.1)
        nn.init.zeros_(self.map.bias)
        self.model = nn.parallel.DistributedDataParallel(self.map) if processes.count > 1 else self.map
        options = TrainingOptions(batch_size=8, steps=self.total_steps, lr=0.1, warmup_steps=4, cosine=True)
        self.update = Update(self.map.parameters(), options, images=24)

    def step(self, number: int) -> dict[str, Tensor]:
        time.sleep(self.pause)
        inputs = torch.randn(8, 4, generator=torch.Generator().manual_seed(number))
        outputs = self.processes.gather(self.model(inputs[self.processes.share(np.arange(8))]), 8)
        loss = (outputs - inputs).square().mean()
        self.update.zero_grad()
        loss.backward()
        return {**read_finite(number, {"loss": loss}, self.update), "lr": self.update(number)}

    def state(self) -> dict[str, Any]:
        return {"map": self.map.state_dict(), "optimizer": self.update.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.map.load_state_dict(state["map"])
        self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        save_torch(self.map.state_dict(), folder / "encoder.pth")

    def close(self) -> None:
        pass


def main() -> int:
    folder, pause = (*sys.argv[1:], "0")[:2]
    torch.set_num_threads(1)
    with Processes.join(torch.device("cpu")) as processes:
        learner = Toy(processes, float(pause))
        if processes.rank:
            return loop.train(learner, RunFolder(Path(folder)), processes)
        with RunFolder.open(folder, {}) as run_folder:
            return loop.train(learner, run_folder, processes)


if __name__ == "__main__":
    run(main)
