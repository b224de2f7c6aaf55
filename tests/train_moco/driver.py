"""The command `train_moco` with a tiny encoder and a checkpoint after every step."""

import functools

from small import Tiny

from train_moco import encoders
from train_moco.__main__ import TRAINER
from training import loop
from training.command import command
from training.schedule import SaveClock
from utils.cli import run

if __name__ == "__main__":
    encoders.make_encoder = Tiny
    loop.SaveClock = functools.partial(SaveClock, share=1e9, every=0.0)
    run(lambda: command(TRAINER))
