"""A tiny teacher, tiny photos with classes, and the commands in this process."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

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


class Visual(nn.Module):
    """In place of CLIP's image tower."""

    image_size = (32, 32)

    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3, stride=4), nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return self.pool(self.conv(x)).flatten(1)


@pytest.fixture
def open_clip(monkeypatch):
    """In place of the package, with one CLIP."""
    def create_model(name, pretrained, precision):
        assert (pretrained, precision) == ("openai", "fp32")
        if name != "RN101":
            raise RuntimeError(f"no model\n{name}")
        torch.manual_seed(0)
        model = nn.Module()
        model.visual = Visual()
        model.encode_text = lambda tokens: tokens.float() + torch.eye(3, 4)
        return model

    module = SimpleNamespace(create_model=create_model,
                             get_tokenizer=lambda name: lambda texts: torch.tensor([[len(t)] * 4 for t in texts]))
    monkeypatch.setitem(sys.modules, "open_clip", module)
