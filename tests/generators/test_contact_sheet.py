"""Contact sheets and the overview: the right images, lettered, in files that are whole."""

import json

import numpy as np
import pytest
from PIL import Image

from datasets.folder import RECORD, read_rgb
from generators.contact_sheet import GAP, LINE, TILE, block, images_of, overview
from generators.named import load
from utils.cli import UserError


def test_a_name_is_rendered_and_lettered():
    label, images = images_of("dead_leaves-squares", 3, seed=1)
    assert label == "e  dead_leaves-squares"
    assert np.array_equal(images, load("dead_leaves-squares", seed=1).render([0, 1, 2]))


def test_a_folder_is_shown_from_end_to_end(image_folder):
    label, images = images_of(str(image_folder), 2, seed=0)
    paths = sorted((image_folder / "train").rglob("*.jpg"))
    assert label == image_folder.name
    for image, path in zip(images, (paths[0], paths[len(paths) // 2]), strict=True):
        assert np.array_equal(image, np.asarray(read_rgb(path)))
    assert len(images_of(str(image_folder), 1000, seed=0)[1]) == len(paths)


def test_a_folder_made_here_carries_the_letter_of_its_dataset(make_images, tmp_path):
    folder = make_images(tmp_path / "any", 2)
    (folder / RECORD).write_text(json.dumps({"name": "stat-spectrum"}))
    assert images_of(str(folder), 2, seed=0)[0] == "i  stat-spectrum"


def test_an_unknown_source_is_refused():
    with pytest.raises(UserError, match="there is no dataset called 'nothing'"):
        images_of("nothing", 2, seed=0)
    with pytest.raises(UserError, match="data/nothing is not a folder"):
        images_of("data/nothing", 2, seed=0)


def test_images_stand_where_they_should():
    images = [np.full((size, size, 3), value, np.uint8) for size, value in ((128, 10), (128, 20), (256, 30))]
    sheet = np.asarray(block("x", images, columns=2))
    assert sheet.shape == (LINE + 2 * TILE + GAP, 2 * TILE + GAP, 3)
    step = TILE + GAP
    for value, (row, column) in {10: (0, 0), 20: (0, 1), 30: (1, 0)}.items():
        tile = sheet[LINE + row * step :, column * step :][:TILE, :TILE]
        assert (tile == value).all(), value  # the last was reduced from 256 pixels
    figure = overview([Image.fromarray(sheet)] * 3, across=2)
    assert figure.size == (2 * (sheet.shape[1] + 16) + 16, 2 * (sheet.shape[0] + 16) + 16)
