"""Reading by number: the images as they were written, ours and others', and one line for each damaged thing."""

import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from datasets.shards.index import index_of
from datasets.shards.read import decode, list_shards, open_shards
from tests.files import user_error


def jpeg(number: int, size: tuple[int, int] = (16, 16)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (number, 255 - number, 0)).save(file, "JPEG", quality=95)
    return file.getvalue()


def archive(path, members, kind=tarfile.PAX_FORMAT):
    """A tar file of (name, bytes) as another program writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=kind) as shard:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5
            shard.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def two(tmp_path):
    """Two shards of another program, with labels, long names and an image in another image's name."""
    long = "a/" + 70 * "folder/" + "n01440764_7.JPEG"
    archive(tmp_path / "0.tar", [("0.cls", b"3"), ("0.jpg", jpeg(10)), ("1.jpg", jpeg(20)), ("1.seg.png", b"none")])
    archive(tmp_path / "1.tar", [(long, jpeg(30)), ("readme.txt", b"hi"), ("x/1.jpeg", jpeg(40))], tarfile.GNU_FORMAT)
    return tmp_path


def test_anybodys_shards_are_read_by_number(two):
    shards = open_shards([two])
    assert len(shards) == 4 and shards.counts == [4] and list_shards(two / "none") == []
    reds = [int(image[5, 5, 0]) for image in decode(shards.places([3, 0, 2, 0]))]
    assert reds == pytest.approx([40, 10, 30, 10], abs=3)
    assert [image.shape for image in decode(shards.places(np.arange(2)), resize=8)] == [(8, 8, 3)] * 2
    before = (two / "0.json").stat().st_mtime_ns
    assert open_shards([two]).sha256 == shards.sha256 and (two / "0.json").stat().st_mtime_ns == before


def test_sets_are_numbered_through(two, tmp_path):
    archive(tmp_path / "more/train/9.tar", [("5.jpg", jpeg(50))])
    shards = open_shards([two, tmp_path / "more"], cache=tmp_path / "cache")
    assert shards.counts == [4, 1] and len(set(shards.sha256)) == 2
    assert [int(image[0, 0, 0]) for image in decode(shards.places([4, 0]))] == pytest.approx([50, 10], abs=3)
    assert not list(two.glob("*.json")) and len(list((tmp_path / "cache").rglob("*.json"))) == 3


def test_a_shard_without_images_among_others(two):
    """The second time from its index."""
    archive(two / "2.tar", [("labels.txt", b"3")])
    archive(two / "3.tar", [("9.jpg", jpeg(60))])
    for _ in range(2):
        assert int(decode(open_shards([two]).places([4]))[0][0, 0, 0]) == pytest.approx(60, abs=3)


def test_an_index_that_cannot_be_kept(two, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    user_error("is not writable, so the index of 0.tar cannot be kept there; pass --cache DIR", open_shards, [two])


@pytest.mark.parametrize(("members", "said"), [
    ([("1.jpg", b""), ("1.jpg", b"")], "0.tar: 1.jpg is there twice"),
    ([("1.jpg", b""), ("1.png", b"")], "0.tar: 1 has two images"),
    ([("1.txt", b"")], "its shards hold no images"), (None, "holds no tar shards; make some")])
def test_shards_that_are_refused(tmp_path, members, said):
    if members:
        archive(tmp_path / "0.tar", members)
    user_error(said, open_shards, [tmp_path])


def test_a_link_for_an_image(tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w") as shard:
        info = tarfile.TarInfo("1.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        shard.addfile(info)
    user_error("1.jpg is a link, folder or device", open_shards, [tmp_path])


@pytest.mark.parametrize("left", [0, 300, 700, 2500, -1024, -10_000])
def test_a_shard_that_is_cut_off(two, left):
    """Before there is an index, after it was made, and while it is read; nothing is left of a failed attempt."""
    shards, data = open_shards([two]), (two / "0.tar").read_bytes()
    (two / "0.tar").write_bytes(data[:left])
    user_error(r"0.tar is cut off: it has .* bytes in 0.json", open_shards, [two])
    if left >= 0:
        user_error("0.tar is (cut off|another shard)", decode, shards.places([1]))
    (two / "0.json").unlink()
    if left != -1024 and left != -10_000:
        user_error("0.tar is cut off or damaged", open_shards, [two])
        assert not (two / "0.json").exists()


def test_an_index_of_another_shard(two):
    shards = open_shards([two])
    index_of(two / "1.tar", two / "1.json")
    (two / "0.json").write_bytes((two / "1.json").read_bytes())
    user_error("0.json is the index of another shard than 0.tar; remove it|0.tar is cut off", open_shards, [two])
    for row in ("[1]", "[0, 9, 1]", "[512, -9, 1]", "[512, 9, 1]", "[512, 9223372036854775807, 1]", "null"):
        (two / "0.json").write_text(f'{{"size": 520, "sha256": "", "images": [{row}]}}')
        user_error("is no index of a shard; remove it", open_shards, [two])
    (two / "0.tar").write_bytes((two / "1.tar").read_bytes())
    user_error("0.tar is another shard than its index is of", decode, shards.places([0]))


def test_members_that_are_no_images_or_of_another_size(tmp_path):
    archive(tmp_path / "0.tar", [("1.jpg", jpeg(1)), ("2.jpg", b"not an image"), ("3.jpg", jpeg(3, (20, 16)))])
    shards = open_shards([tmp_path])
    user_error(r"0.tar: 2.jpg is not an image", decode, shards.places([1]))
    user_error(r"0.tar: 3.jpg is 20×16, and images before it are 16×16; pass --resize", decode, shards.places([0, 2]))
    assert len(decode(shards.places([0, 2]), resize=8)) == 2


def test_a_set_that_is_not_finished(tmp_path):
    archive(tmp_path / "train/00000000.tar", [("0.jpg", jpeg(1))])
    (tmp_path / "dataset.json").write_text('{"counts": {"train": 2}}')
    user_error(r"holds 1 of the 2 images its dataset.json names", open_shards, [tmp_path])
