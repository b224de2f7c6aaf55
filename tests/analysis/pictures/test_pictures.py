"""Filters, units and exciting images: each shows what it says, on one sheet."""

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.pictures import exciting, filters, summary, units
from analysis.pictures.sheet import called
from models import random_encoder, save_encoder


@pytest.fixture
def encoder(tmp_path):
    path = tmp_path / "mine" / "seed-3" / "encoder.pth"
    path.parent.mkdir(parents=True)
    save_encoder(random_encoder(0, 0.05), path)
    return path


def size(path):
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def ended(end, monkeypatch):
    def call(module, *arguments):
        monkeypatch.setattr("sys.argv", ["", *map(str, arguments)])
        return end(module.main)

    return call


def test_filters_keep_their_colours():
    model = random_encoder(0, 0.05)
    weight = torch.zeros(5, 3, 3, 3)
    weight[2, 0] = 2.0  # red; in another filter blue against the rest
    weight[4, 2, 1, 1] = -1.0
    model.blocks[0][0].weight.data = weight
    found = filters.filters(model)
    assert found.shape == (5, 3, 3, 3)
    assert (found[0] == (255, 128, 128)).all()
    assert found[1, 1, 1].tolist() == [128, 128, 0] and (found[2:] == 128).all()


def test_the_picture_of_a_unit_is_what_excites_it():
    def visualised(chosen):
        model = random_encoder(0, 0.05)
        weight = torch.zeros(5, 3, 3, 3)
        weight[1, 0], weight[3, 2] = 1, 1  # unit 1 answers red, unit 3 blue
        model.blocks[0][0].weight.data = weight
        return units.visualised(model, "conv1", chosen, steps=20, resolution=64)

    red, blue = visualised([1, 3])
    assert red.mean((0, 1)).argmax() == 0 and blue.mean((0, 1)).argmax() == 2
    assert (blue == visualised([3])[0]).all()


def test_most_exciting():
    features = np.array([[0, 5], [3, 1], [3, 0], [9, 2]], np.float32)
    assert exciting.most_exciting(features, [0, 1], 3).tolist() == [[3, 1, 2], [0, 3, 1]]


def test_commands(encoder, make_images, tmp_path, command):
    folder = make_images(tmp_path / "images", 50)
    sheet = tmp_path / "sheet.png"
    command(filters, encoder, encoder, "--output", sheet, "--columns", 5)
    width, height = size(sheet)
    assert width == 2 * (5 * 132 - 4 + 16) + 16 and height > 128
    command(units, encoder, "--layer", "conv1", "--units", 0, 2, "--steps", 2, "--output", sheet, "--gpus")
    assert size(sheet)[0] == 2 * 132 - 4 + 32
    command(exciting, encoder, "--images", folder, "--layer", "conv1", "--units", 0, 1, 2, "--shown", 4, "--output",
            sheet, "--gpus")
    assert size(sheet)[0] == 3 * (4 * 132 - 4 + 16) + 16
    assert called(str(encoder)) == "mine, seed 3" and called("random") == "random"


def test_bad_input(encoder, tmp_path, refuses):
    sheet = tmp_path / "sheet.png"
    refuses("has no layer conv9; choose one of conv1", units, encoder, "--layer", "conv9", "--output", sheet)
    refuses("has units 0 to 4, and no 7", units, encoder, "--layer", "conv1", "--units", 7, "--output", sheet)
    refuses("is not a file", filters, tmp_path / "none.pth", "--output", sheet)


def test_the_summary_shows_images_filters_and_chart(encoder, make_images, ended, tmp_path):
    for name in ("noise", "photos"):
        make_images(tmp_path / name, 20)
    Image.new("RGB", (300, 200), "red").save(tmp_path / "chart.png")
    ended(summary, encoder, "--images", tmp_path / "noise", "--photos", tmp_path / "photos", "--chart",
          tmp_path / "chart.png", "--output", tmp_path / "out.png")
    width, height = size(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.getpixel((width - 60, 60)) == (255, 0, 0)
    assert width > 3 * height
