"""Contact sheets: the right images, labelled, in a file that is whole."""

import numpy as np
import pytest
from PIL import Image

from datasets.folder import read_rgb
from generators.contact_sheet import draw_sheet, row_of
from generators.named import load
from utils.cli import UserError


def test_a_name_is_rendered_and_lettered():
    label, images = row_of("dead_leaves-squares", 3, seed=1)
    assert label == "e  dead_leaves-squares"
    assert np.array_equal(images, load("dead_leaves-squares", seed=1).render([0, 1, 2]))


def test_a_folder_is_shown_from_end_to_end(image_folder):
    label, images = row_of(str(image_folder), 2, seed=0)
    paths = sorted((image_folder / "train").rglob("*.jpg"))
    assert label == image_folder.name
    for image, path in zip(images, (paths[0], paths[len(paths) // 2]), strict=True):
        assert np.array_equal(image, np.asarray(read_rgb(path)))
    assert len(row_of(str(image_folder), 1000, seed=0)[1]) == len(paths)


def test_an_unknown_source_is_refused():
    with pytest.raises(UserError, match="there is no dataset called 'nothing'"):
        row_of("nothing", 2, seed=0)
    with pytest.raises(UserError, match="data/nothing is not a folder"):
        row_of("data/nothing", 2, seed=0)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = [("one", [np.zeros((8, 8, 3), np.uint8)] * 3), ("two", [np.full((4, 6, 3), 255, np.uint8)])]
    for name in ("a.png", "b.png"):
        draw_sheet(rows, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] > 300
