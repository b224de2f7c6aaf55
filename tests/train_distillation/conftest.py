"""A tiny teacher, tiny photos with classes, and the commands in this process."""

import sys

import numpy as np
import pytest
from PIL import Image

from models import SmallAlexNet, save_encoder
from train_distillation import supervised
from train_distillation.__main__ import TRAINER
from training.command import command as train_command
from utils.seeding import generator

COLOURS = {"blue": (40, 60, 200), "green": (50, 180, 60), "red": (200, 50, 40)}
TINY = ["--gpus", "--precision", "float32", "--batch_size", "8", "--steps", "5", "--lr", "0.001"]


def write_photos(root, splits=(("train", 8), ("val", 6))):
    """Noisy squares in the class's colour, 64×64: root/<split>/<class>/<i>.png."""
    for split, count in splits:
        for number, (name, colour) in enumerate(COLOURS.items()):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                rng = generator(number, 100 * (split == "val") + i)
                pixels = rng.integers(0, 90, (8, 8, 3)) + np.array(colour)
                image = Image.fromarray(pixels.clip(0, 255).astype("uint8"))
                image.resize((64, 64), Image.Resampling.NEAREST).save(root / split / name / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """The file of an untrained SmallAlexNet."""
    path = tmp_path_factory.mktemp("teacher") / "encoder.pth"
    save_encoder(SmallAlexNet(1 / 32).initialize(0), path)
    return path


@pytest.fixture
def ended(end, monkeypatch):
    """Runs train_distillation ("train"), its baseline ("supervised"), or the `main` of a module."""
    def call(what, *arguments):
        trainers = {"train": TRAINER, "supervised": supervised.TRAINER}
        if what in trainers:
            return end(lambda: train_command(trainers[what], list(map(str, arguments))))
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        return end(what.main)

    return call
