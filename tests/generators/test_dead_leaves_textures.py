"""Textured leaves: each leaf is a window on one texture, drawn evenly, and the textures are what the record says."""

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from datasets.image_folders.writer import describe, write_image_folder
from datasets.packed import packed_images
from generators import dead_leaves_textures
from generators.dead_leaves import ORDERS
from generators.dead_leaves_textures import FEWEST, TexturedLeaves, texture_images
from generators.named import make_process
from tests.files import user_error
from tests.generators.plain_generators import dead_leaves_textured


@pytest.fixture(autouse=True)
def cache_in_a_folder_of_the_test(tmp_path, monkeypatch):
    monkeypatch.setattr(dead_leaves_textures, "CACHE", tmp_path / "textures")
    texture_images.cache_clear()


@pytest.fixture
def textures(make_images, tmp_path) -> str:
    return str(make_images(tmp_path / "mine", FEWEST, size=(50, 40)))


@pytest.mark.parametrize("shape", ["oriented_square", "mixed"])
def test_the_original_order_equals_the_plain_painter(textures, shape):
    process = TexturedLeaves(shape, resolution=40, textures=textures)
    assert process.order == "original"
    images = process.render(range(2))
    assert images.shape == (2, 40, 40, 3) and images.dtype == np.uint8
    for index in range(2):
        np.testing.assert_array_equal(images[index], dead_leaves_textured(process, index))


@pytest.mark.parametrize("order", ORDERS)
def test_every_leaf_shows_one_texture_at_its_own_pixels(textures, order):
    process = TexturedLeaves(resolution=40, order=order, textures=textures)
    pool, image = np.asarray(texture_images(textures, 40)), process.render([3])[0]
    labels, leaves = process.labels_and_leaves(3)
    for leaf in np.unique(labels):
        texture = pool[int(leaves[leaf, 3].astype(float) * FEWEST)]
        np.testing.assert_array_equal(image[labels == leaf], texture[labels == leaf])


def test_textures_are_drawn_evenly(textures, monkeypatch):
    drawn = []
    monkeypatch.setattr(dead_leaves_textures, "texture_in", lambda labels, choice, *rest: drawn.append(choice))
    TexturedLeaves(resolution=16, textures=textures).render(range(200))
    counts = np.bincount(np.concatenate(drawn), minlength=FEWEST)
    assert len(counts) == FEWEST and stats.chisquare(counts).pvalue > 0.001


def test_images_do_not_depend_on_the_request_nor_leaves_on_the_textures(textures, make_images, tmp_path):
    process = TexturedLeaves(resolution=40, textures=textures)
    together = process.render(range(6))
    for chunk in ([5], [4, 1]):
        np.testing.assert_array_equal(process.render(chunk), together[chunk])
    others = TexturedLeaves(resolution=40, textures=str(make_images(tmp_path / "others", FEWEST + 1, seed=1)))
    np.testing.assert_array_equal(others.labels_and_leaves(2)[0], process.labels_and_leaves(2)[0])
    assert not np.array_equal(others.render([2]), together[2:3]) and others.contents() != process.contents()


def test_the_record_holds_the_pixels_fingerprint_and_not_the_path(textures):
    record = describe(TexturedLeaves(resolution=40, textures=textures), "name", 3, "jpg")
    assert record["parameters"]["textures"].startswith("sha256:") and textures not in str(record)


def test_default_textures_are_made_once_and_are_the_named_dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(dead_leaves_textures, "POOL", "stat-spectrum_color")  # faster, and the same way
    monkeypatch.setattr(dead_leaves_textures, "POOL_IMAGES", 120)
    process = TexturedLeaves(resolution=32)
    pool = make_process("stat-spectrum_color", 32, device="cpu")
    assert process.contents() == {"textures": describe(pool, "stat-spectrum_color", 120, "jpg")}
    assert not (tmp_path / "textures").exists(), "nothing is made before it is needed"
    process.render([0])
    root = tmp_path / "textures" / "stat-spectrum_color-32"
    assert write_image_folder(pool, root, 120, name="stat-spectrum_color") == 0
    np.testing.assert_array_equal(packed_images(root), texture_images("", 32))


def test_textures_of_another_law_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dead_leaves_textures, "POOL", "stat-spectrum_color")
    monkeypatch.setattr(dead_leaves_textures, "POOL_IMAGES", FEWEST)
    process = TexturedLeaves(resolution=32)
    before = process.render([0])
    first = tmp_path / "textures" / "stat-spectrum_color-32" / "train" / "00000000" / "00000000.jpg"
    pixels = np.asarray(Image.open(first))

    texture_images.cache_clear()  # as in another run
    Image.fromarray(pixels ^ np.eye(32, dtype=np.uint8)[..., None]).save(first, quality=95)  # some rounded otherwise
    assert np.abs(process.render([0]).astype(int) - before).max() < 30

    texture_images.cache_clear()
    for path in first.parent.iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path, quality=95)
    user_error(r"is not what StatisticalModel makes now: .*remove \S*stat-spectrum_color-32 ", process.render, [0])
    assert first.exists()


def test_a_folder_of_textures_is_only_read(textures, tmp_path):
    before = sorted((tmp_path / "mine").rglob("*"))
    TexturedLeaves(resolution=40, textures=textures).render([0])
    assert sorted((tmp_path / "mine").rglob("*")) == before


def test_textures_that_cannot_be_used_are_refused_at_once(make_images, tmp_path):
    user_error("nowhere", lambda: TexturedLeaves(textures=str(tmp_path / "nowhere")))
    few = make_images(tmp_path / "few", 3)
    user_error(f"3 images, and textures take {FEWEST}", lambda: TexturedLeaves(textures=str(few)))
    broken = make_images(tmp_path / "broken", FEWEST)
    next(broken.rglob("*.jpg")).write_bytes(b"no image")
    user_error(r"\.jpg", lambda: TexturedLeaves(textures=str(broken)))
    assert not (tmp_path / "textures").exists(), "nothing is left"


def test_a_failure_leaves_what_was_there_before(make_images, tmp_path):
    folder = make_images(tmp_path / "mine", FEWEST)
    TexturedLeaves(resolution=16, textures=str(folder)).render([0])
    before = sorted((tmp_path / "textures").rglob("packed-16*"))
    next(folder.rglob("*.jpg")).write_bytes(b"no image")
    user_error(r"\.jpg", lambda: TexturedLeaves(resolution=24, textures=str(folder)))
    assert len(before) == 2 and all(path.exists() for path in before)
