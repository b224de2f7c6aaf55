"""Tiny-ImageNet from an archive in its format, local or served: the published bytes in the usual folders."""

import hashlib
import io
import re
import sys

import numpy as np
import pytest
from PIL import Image

from datasets import small_photos, tiny_imagenet
from datasets.image_folders.folder import labelled_images, read_rgb
from datasets.image_folders.record import RECORD
from tests.files import zipped
from utils.files import read_json

TOP = "tiny-imagenet-200/"
WNIDS = ["n03", "n01", "n02", "n04"]  # not sorted, as published
PATH = "/tiny-imagenet-200.zip"


def jpeg(i: int, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8)).convert(mode).save(file, "JPEG")
    return file.getvalue()


def members() -> dict[str, bytes]:
    """The files of a small archive, by name."""
    lines = [f"val_{i}.JPEG\t{WNIDS[i % 4]}\t0\t0\t62\t62\n" for i in range(8)]
    found = {"wnids.txt": "\n".join(WNIDS).encode(), "words.txt": b"n01\tfish, small fish\nn02\tcat\nn99\tdog\n",
             "val/val_annotations.txt": "".join(lines).encode(), "test/images/test_0.JPEG": jpeg(1)}
    for k, wnid in enumerate(WNIDS):
        found[f"train/{wnid}/{wnid}_boxes.txt"] = b"0\t0\t1\t1\n"
        for i in range(3):
            found[f"train/{wnid}/images/{wnid}_{i}.JPEG"] = jpeg(10 * k + i, "L" if i == 2 else "RGB")  # some are grey
    found |= {f"val/images/val_{i}.JPEG": jpeg(100 + i) for i in range(8)}
    return {TOP + name: data for name, data in found.items()}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "tiny.zip"
    path.write_bytes(zipped(members()))
    return path


@pytest.fixture
def ended(tmp_path, monkeypatch, end):
    """Runs `python -m datasets.small_photos tiny_imagenet *arguments`, for two classes in place of a hundred; without
    the warning that this is not all of the set."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        name = [] if "cifar10" in arguments else ["tiny_imagenet"]
        monkeypatch.setattr(sys, "argv", ["small_photos", *name, *map(str, arguments)])
        code, out, err = end(small_photos.main)
        return code, out, re.sub("warning: the archive is not all of Tiny-ImageNet: .*\n", "", err)

    return call


def check(root, wnids):
    files = members()
    for split, source, each in (("train", "train/{}/images/", 3), ("val", "val/images/", 2)):
        paths, labels, classes = labelled_images(root, split)
        assert classes == wnids and len(paths) == each * len(wnids)
        for path, label in zip(paths, labels, strict=True):
            wnid = classes[label]
            assert path.read_bytes() == files[f"{TOP}{source.format(wnid)}{path.name}"]
            assert read_rgb(path).size == (64, 64)
            assert split == "train" or WNIDS[int(path.stem.removeprefix("val_")) % 4] == wnid
    assert not (root / "download/content").exists()
    return read_json(root / RECORD)


def test_all_classes_of_an_archive_that_is_here(command, archive, tmp_path):
    assert command("--archive", archive)[-1] == "data/tiny_imagenet: tiny_imagenet, train/<class>/ and val/<class>/"
    record = check(tmp_path / "data/tiny_imagenet", sorted(WNIDS))
    assert record["name"] == "tiny_imagenet" and record["counts"] == {"train": 12, "val": 8}
    assert record["archive"] == "tiny.zip" and not record["complete"]  # 100,000 and 10,000 would be
    assert record["classes"] == {"n01": "fish, small fish", "n02": "cat", "n03": "", "n04": ""}
    archive.unlink()
    command()  # nothing to do


def test_every_second_class(command, archive, tmp_path, refuses):
    command("--classes", 100, "--archive", archive)
    assert check(tmp_path / "data/tiny_imagenet-100", ["n01", "n03"])["name"] == "tiny_imagenet-100"
    refuses("holds other files", "--output", "data/tiny_imagenet-100", "--archive", archive)


def test_an_archive_of_fewer_images_is_named(archive, tmp_path, capsys):
    tiny_imagenet.write_tiny_imagenet(tmp_path / "out", 100, archive)
    assert "6 of 50,000 train images, 4 of 5,000 val images, 2 of 100 classes" in capsys.readouterr().err


def test_a_download_is_checked_and_resumed(server, command, refuses, tmp_path, monkeypatch):
    body = zipped(members())
    monkeypatch.setattr(tiny_imagenet, "URL", server.url + PATH)
    monkeypatch.setattr(tiny_imagenet, "SIZE", len(body))
    monkeypatch.setattr(tiny_imagenet, "MD5", hashlib.md5(body).hexdigest())
    server.files[PATH] = body[:-1] + b"x"
    refuses("not the published archive, which was removed")
    server.files[PATH], server.breaks = body, [len(body) // 2]
    command()
    record = check(tmp_path / "data/tiny_imagenet", sorted(WNIDS))
    assert record["url"] == server.url + PATH and record["sha256"] == hashlib.sha256(body).hexdigest()
    assert any(server.asked)  # a range


def test_a_stopped_run_goes_on(command, refuses, archive, tmp_path, monkeypatch):
    root, write = tmp_path / "data/tiny_imagenet", tiny_imagenet.write_bytes
    left = iter(range(14))  # in the second split

    def stop(*arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_imagenet, "write_bytes", stop)
        with pytest.raises(KeyboardInterrupt):
            tiny_imagenet.write_tiny_imagenet(root, archive=archive)
    assert (root / "train").is_dir() and not (root / "val").exists() and not (root / RECORD).exists()
    begun = {path.stat().st_ino for path in root.glob("*/n*/*.JPEG")} | {
        path.stat().st_ino for path in (root / ".val").glob("n*/*.JPEG")}
    refuses("begun with other classes", "--classes", 100, "--archive", archive, "--output", root)
    command("--archive", archive)
    check(root, sorted(WNIDS))
    assert len(begun) == 14 and begun <= {path.stat().st_ino for path in root.rglob("*.JPEG")}


@pytest.mark.parametrize(("gone", "said"), [
    ("wnids.txt", "is not Tiny-ImageNet"), ("val/val_annotations.txt", "is not Tiny-ImageNet"),
    ("train/n02/images/", "lacks train images that it should hold: n02"),
    ("val/images/val_3.JPEG", "lacks val images that it should hold: .*val_3.JPEG")])
def test_archives_that_lack_something(gone, said, archive, refuses):
    archive.write_bytes(zipped({name: data for name, data in members().items() if not name.startswith(TOP + gone)}))
    refuses(said, "--archive", archive)


def test_an_archive_without_classes(archive, refuses):
    archive.write_bytes(zipped(members() | {TOP + "wnids.txt": b"\n"}))
    refuses("wnids.txt names no classes: the archive is not Tiny-ImageNet", "--archive", archive)


def test_other_mistakes(archive, refuses, tmp_path):
    refuses("there is no file none.zip", "--archive", "none.zip")
    refuses("for tiny_imagenet; leave them out", "cifar10", "--archive", archive)
    (tmp_path / "data/tiny_imagenet/thesis").mkdir(parents=True)
    refuses("holds other files", "--archive", archive)
    archive.write_bytes(b"PK, not really")
    refuses("is damaged, or no zip archive", "--archive", archive, "--output", "other")
