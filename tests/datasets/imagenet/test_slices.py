"""Slices of ImageNet hold what they should, as links, and refuse what they cannot be made of."""

import sys

import pytest

from datasets.imagenet import slices
from datasets.imagenet.imagenet1k import list_folder
from datasets.imagenet.imagenet100 import read_classes

from .imagenet_copies import jpeg


@pytest.fixture
def ended(end, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        return end(slices.main)

    return call


def test_changed_classes_are_relatives_of_listed_ones():
    hundred = read_classes()
    assert not hundred.keys() & slices.CHANGED.keys() and {*slices.CHANGED.values()} < {*hundred}
    order = list(hundred)
    assert sorted(order.index(synset) for synset in slices.CHANGED.values()) == [8, 21, 40, 53, 68]


def test_imagenet_100_c(command, refuses, tmp_path):
    for kind, corruption in (("noise", "gaussian_noise"), ("blur", "zoom_blur")):
        for severity in "15":
            for synset in [*read_classes(), "n01440764"]:
                (tmp_path / "c" / kind / corruption / severity / synset).mkdir(parents=True)
    jpeg(tmp_path / "c/noise/gaussian_noise/5/n01558993/a.jpg", 1)
    command("corrupted", tmp_path / "c", tmp_path / "out")
    folders = sorted(path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.glob("out/*/*"))
    assert folders == ["gaussian_noise/1", "gaussian_noise/5", "zoom_blur/1", "zoom_blur/5"]
    assert {path.name for path in tmp_path.glob("out/zoom_blur/1/*")} == {*read_classes()}
    assert len(list_folder(tmp_path / "out/gaussian_noise/5/n01558993")) == 1
    assert command("corrupted", tmp_path / "c", tmp_path / "out") == [f"{tmp_path}/out is there"]
    (tmp_path / "c/noise/shot_noise").symlink_to(tmp_path / "c/noise/gaussian_noise")
    refuses("holds something else", "corrupted", tmp_path / "c", tmp_path / "out")
    (tmp_path / "c/blur/zoom_blur/1/n01558993").rmdir()
    refuses("lacks class n01558993", "corrupted", tmp_path / "c", tmp_path / "other")
    refuses("no <corruption>/<severity>", "corrupted", tmp_path / "out/zoom_blur/1", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_changed_labels_and_listed_classes(command, refuses, imagenet, tmp_path):
    refuses("lacks images of", "changed", imagenet, tmp_path / "out")
    for split in ("train", "val"):
        for number, synset in enumerate(slices.CHANGED):
            jpeg(imagenet / split / synset / f"{split}{number}.jpg", number)
    command("changed", imagenet, tmp_path / "out")
    assert {path.name: [image.name for image in path.iterdir()] for path in (tmp_path / "out/val").iterdir()} == {
        listed: [f"val{number}.jpg"] for number, listed in enumerate(slices.CHANGED.values())}

    (tmp_path / "two.txt").write_text("n07930864 cup\nn02325366 wood rabbit\n")
    command("listed", imagenet, tmp_path / "two", "--classes", tmp_path / "two.txt")
    assert {path.name for path in (tmp_path / "two/train").iterdir()} == {"n07930864", "n02325366"}
    assert '"two"' in (tmp_path / "two/dataset.json").read_text()
    refuses("goes with listed", "changed", imagenet, tmp_path / "x", "--classes", tmp_path / "two.txt")
    refuses("lists no synsets", "listed", imagenet, tmp_path / "x", "--classes", tmp_path / "none.txt")
