"""Images of any size and colour become one array, and what was done to them is said."""

import numpy as np
import pytest
from PIL import Image

from analysis.image_set import grey_share, read_set
from datasets.image_folders.folder import read_rgb
from datasets.packed import resize_and_crop
from generators.named import make_process
from tests.files import user_error


def test_a_folder(make_images, tmp_path):
    folder = make_images(tmp_path / "blocks", 60)
    found = read_set(str(folder), 50, 32)
    assert found.images.shape == (50, 32, 32, 3) and found.name == "blocks" and found.notes == []
    assert len(read_set(str(folder), 10**12, 32).images) == 60  # asks for no memory that it does not need
    rest = read_set(str(make_images(tmp_path / "more", 120)), 60, 32, skip=60)
    assert len(rest.images) == 60
    assert read_set(str(folder), 50, 32).sha256 == found.sha256 != read_set(str(folder), 50, 32, seed=1).sha256


def test_sizes_and_grey_are_noted(make_images, tmp_path):
    folder = make_images(tmp_path / "mixed", 55)
    for path in sorted(folder.rglob("*.jpg"))[:50]:
        read_rgb(path).convert("L").resize((20, 30)).save(path)
    found = read_set(str(folder), 100, 32)
    assert len(found.images) == 55
    assert "images of 2 sizes, from 20×30 to 40×40" in found.notes[0]
    assert "enlarged" in found.notes[1] and "91% of the images are grey" in found.notes[2]


def test_named_datasets_are_rendered():
    found = read_set("dead_leaves-squares", 52, 32, skip=3)
    image = make_process("dead_leaves-squares").render([4])[0]
    assert (found.images[1] == np.asarray(resize_and_crop(Image.fromarray(image), 32))).all()


def test_grey():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    images[:3] = images[:3, :, :, :1]
    assert grey_share(images) == pytest.approx(0.75)


def test_bad_input(make_images, tmp_path):
    few = make_images(tmp_path / "few", 49)
    user_error("gives 49 images, .* pass a set of at least 50", read_set, str(few), 99, 32)
    user_error("not a folder, nor a named dataset", read_set, "no-such-set", 99, 32)
