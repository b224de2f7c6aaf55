"""Contact sheets and the overview: the right images, lettered, in files that are whole."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from datasets.image_folders.folder import read_rgb
from datasets.image_folders.record import RECORD
from generators import contact_sheet
from generators.contact_sheet import GAP, LINE, TILE, block, overview, source_of
from generators.named import make_process
from tests.files import user_error


def test_a_name_is_rendered_and_lettered():
    label, render = source_of("dead_leaves-squares", 1, "")
    assert label == "e  dead_leaves-squares"
    assert np.array_equal(render(3), make_process("dead_leaves-squares", seed=1).render([0, 1, 2]))


def test_a_folder_is_shown_from_end_to_end(image_folder):
    label, read = source_of(str(image_folder), 0, "")
    paths = sorted((image_folder / "train").rglob("*.jpg"))
    assert label == image_folder.name
    for image, path in zip(read(2), (paths[0], paths[len(paths) // 2]), strict=True):
        assert np.array_equal(image, np.asarray(read_rgb(path)))
    assert len(read(1000)) == len(paths)


@pytest.mark.parametrize("record, label", [({"name": "stat-spectrum"}, "i  stat-spectrum"), ({"name": " "}, "any"),
                                           ({}, "any"), ([], "any"), ({"name": ["stat-spectrum"]}, "any"),
                                           ({"name": None}, "any")])
def test_a_folder_made_here_carries_the_letter_of_its_dataset(make_images, tmp_path, record, label):
    folder = make_images(tmp_path / "any", 2)
    (folder / RECORD).write_text(json.dumps(record))
    assert source_of(str(folder), 0, "")[0] == label


@pytest.mark.parametrize("name, said", [("nothing", "there is no dataset called 'nothing'"),
                                        ("data/nothing", "data/nothing is not a folder"),
                                        ("feature_vis-dead_leaves", "pass --encoder")])
def test_an_unknown_source_is_refused(name, said):
    user_error(said, source_of, name, 0, "")


def test_the_name_of_a_folder_need_not_be_text(make_images, tmp_path, monkeypatch, end):
    folder = make_images(tmp_path / os.fsdecode(b"\xff"), 2)
    monkeypatch.setattr("sys.argv", ["contact_sheet", str(folder), "--output", f"{tmp_path}/a.png", "--sheets",
                                     f"{tmp_path}/sheets"])
    assert end(contact_sheet.main)[0] == 0
    assert read_rgb(tmp_path / "a.png").width > 0 and len(list((tmp_path / "sheets").iterdir())) == 1


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
