"""Digits drawn over photos: the same files under two labels, a function of seed, split and photo."""

import numpy as np
import pytest
from PIL import Image

from datasets.image_folders.folder import labelled_images
from train_viewmaker import two_labels
from train_viewmaker.two_labels import with_digit, write_two_labels
from utils.cli import UserError
from utils.seeding import generator


@pytest.fixture
def photos(tmp_path, make_images):
    for split, count in (("train", 12), ("val", 4)):
        for name in ("cat", "dog"):
            make_images(tmp_path / "photos" / split / name, count)
    return tmp_path / "photos"


def contents(root, kind):
    return {split: {path.name: (path.read_bytes(), classes[label]) for path, label in zip(paths, labels, strict=True)}
            for split in ("train", "val") for paths, labels, classes in [labelled_images(root / kind, split)]}


def test_the_same_images_lie_under_both_labels(photos, tmp_path):
    write_two_labels(photos, tmp_path / "out", 0)
    photo, digit = (contents(tmp_path / "out", kind) for kind in ("photo", "digit"))
    for split, count in (("train", 24), ("val", 8)):
        assert photo[split].keys() == digit[split].keys() and len(photo[split]) == count
        assert all(photo[split][name][0] == digit[split][name][0] for name in photo[split])
        assert {label for _, label in photo[split].values()} == {"cat", "dog"}
        assert {label for _, label in digit[split].values()} <= set("0123456789")


def test_a_stopped_run_goes_on_to_the_same_bytes(photos, tmp_path):
    write_two_labels(photos, tmp_path / "whole", 3)
    write_two_labels(photos, tmp_path / "stopped", 3)
    for path in list((tmp_path / "stopped/digit/train").rglob("*.png"))[::2]:
        path.unlink()
    write_two_labels(photos, tmp_path / "stopped", 3)
    for kind in ("photo", "digit"):
        assert contents(tmp_path / "whole", kind) == contents(tmp_path / "stopped", kind)
    with pytest.raises(UserError, match="another seed"):
        write_two_labels(photos, tmp_path / "whole", 4)
    with pytest.raises(UserError, match="holds other files"):
        write_two_labels(photos, photos, 3)


@pytest.mark.parametrize("size", [(32, 32), (64, 48)])
def test_a_digit_lies_inside_and_changes_a_part(size):
    grey = Image.new("RGB", size, (120, 120, 120))
    for i in range(40):
        drawn, digit = with_digit(grey, generator(1, i))
        changed = (np.asarray(drawn) != 120).any(2)
        rows = np.flatnonzero(changed.any(1))
        assert 0.4 * size[1] <= np.ptp(rows) + 1 <= 0.85 * size[1] and 0.02 < changed.mean() < 0.5
        assert 0 <= digit <= 9 and (np.asarray(drawn) == 255).all(2).any()
        assert np.asarray(grey).tolist() == [[[120] * 3] * size[0]] * size[1]


def test_digits_are_uniform_and_tell_nothing_of_the_class():
    digits = [with_digit(Image.new("RGB", (32, 32)), generator(2, i))[1] for i in range(1000)]
    assert np.abs(np.bincount(digits, minlength=10) - 100).max() < 5 * np.sqrt(90)


def test_command(photos, tmp_path, end, monkeypatch):
    monkeypatch.setattr("sys.argv", ["", str(photos), "--output", str(tmp_path / "out")])
    code, out, _ = end(two_labels.main)
    assert code == 0 and "the same images under two labels" in out
    monkeypatch.setattr("sys.argv", ["", str(tmp_path), "--output", str(tmp_path / "none")])
    code, _, err = end(two_labels.main)
    assert code != 0 and "train" in err and not (tmp_path / "none").exists()
