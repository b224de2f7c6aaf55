"""Small photos as a folder, from what torchvision gives (the download itself is torchvision's)."""

import shutil

import numpy as np
import pytest
from PIL import Image

from datasets import small_photos
from datasets.image_folders.folder import labelled_images, read_rgb
from datasets.image_folders.record import RECORD, make_record
from datasets.small_photos import write_small_photos
from tests.files import user_error
from utils.files import read_json


class Fixture:
    """What torchvision's dataset offers: classes, length, and (image, label) pairs."""

    classes = ("airplane", "T-shirt/top")

    def __init__(self, root, train, download):
        self.images = np.random.default_rng(train).integers(0, 256, (6 if train else 4, 32, 32, 3), dtype=np.uint8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        return Image.fromarray(self.images[i]), i % 2


@pytest.fixture
def cifar10(monkeypatch):
    monkeypatch.setitem(small_photos.DATASETS, "cifar10", Fixture)


def check(root):
    for split, train in (("train", True), ("val", False)):
        images = Fixture(None, train, True).images
        paths, labels, classes = labelled_images(root, split)
        assert classes == ["T-shirt-top", "airplane"] and len(paths) == len(images)
        for path, label in zip(paths, labels, strict=True):
            assert 1 - int(path.stem) % 2 == label
            assert np.array_equal(np.asarray(read_rgb(path)), images[int(path.stem)])
    assert read_json(root / RECORD) == make_record("cifar10", "torchvision", {"train": 6, "val": 4})
    assert {path.name for path in root.iterdir()} == {".lock", RECORD, "download", "train", "val"}


def test_pixels_and_classes_are_kept_and_a_whole_folder_needs_no_download(tmp_path, cifar10, monkeypatch):
    write_small_photos("cifar10", tmp_path)
    check(tmp_path)
    shutil.rmtree(tmp_path / "download")
    monkeypatch.setitem(small_photos.DATASETS, "cifar10", None)
    write_small_photos("cifar10", tmp_path)
    user_error("holds other files", write_small_photos, "fashion_mnist", tmp_path)


@pytest.mark.parametrize(("split", "last"), [("train", 3), ("val", 2)])
def test_a_stopped_run_leaves_nothing_that_looks_whole_and_goes_on(tmp_path, cifar10, monkeypatch, split, last):
    class Stopped(Fixture):
        def __init__(self, root, train, download):
            super().__init__(root, train, download)
            self.stops = train == (split == "train")

        def __getitem__(self, i):
            if self.stops and i == last:
                raise KeyboardInterrupt
            return super().__getitem__(i)

    with monkeypatch.context() as patch:
        patch.setitem(small_photos.DATASETS, "cifar10", Stopped)
        with pytest.raises(KeyboardInterrupt):
            write_small_photos("cifar10", tmp_path)
    user_error("is not there", labelled_images, tmp_path, split)
    begun = {path: path.stat().st_ino for path in tmp_path.rglob("*.png")}
    assert not (tmp_path / RECORD).exists() and len(begun) == last + (6 if split == "val" else 0)
    write_small_photos("cifar10", tmp_path)
    check(tmp_path)
    assert set(begun.values()) <= {path.stat().st_ino for path in tmp_path.rglob("*.png")}  # they were kept


def test_the_folder_of_an_earlier_release_gets_its_record(tmp_path, cifar10):
    write_small_photos("cifar10", tmp_path)
    (tmp_path / RECORD).unlink()
    (tmp_path / "val/T-shirt-top/00003.png").unlink()
    write_small_photos("cifar10", tmp_path)
    check(tmp_path)


@pytest.mark.parametrize("reason", ["no route to host", "No space left on device"])
def test_a_download_that_fails_says_why_and_what_to_do(tmp_path, monkeypatch, reason):
    def fail(*args, **kwargs):
        raise OSError(reason)

    monkeypatch.setitem(small_photos.DATASETS, "cifar10", fail)
    user_error(rf"\({reason}\); .*network and room", write_small_photos, "cifar10", tmp_path / "cifar10")


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "train/cat").mkdir(parents=True)
    user_error("holds other files", write_small_photos, "cifar10", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["train", "cat"]
