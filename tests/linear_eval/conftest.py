"""A small labelled folder: three classes that differ in colour."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linear_eval.task import Task, load_task

COLOURS = {"blue": (60, 70, 190), "green": (60, 180, 70), "red": (190, 60, 60)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """8 train and 4 val images a class, noise around the class's colour, of mixed sizes from 20 to 40 pixels."""
    random = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        for name, colour in COLOURS.items():
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.normal(colour, 25, (*random.integers(20, 41, 2), 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def task(folder: Path) -> Task:
    return load_task(folder)
