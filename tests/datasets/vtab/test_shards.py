"""Tar shards: files byte for byte, VTAB's classes, and one line for each way in which a shard can be wrong."""

import tarfile
from dataclasses import replace

import numpy as np
import pytest

from datasets.vtab.prepared import prepare
from datasets.vtab.shards import parts, read_shard
from datasets.vtab.tasks import TASKS
from tests.files import contents, user_error
from utils.cli import UserError

from .small_shards import make_image, make_shards, make_tar

KITTI = TASKS["kitti_distance"]  # 4 classes


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_images_are_kept_as_they_are_under_the_class_of_their_label(tmp_path, extension):
    labels = [0, 1, 2, 3, 3, 2, 1]
    files = make_shards(tmp_path / "shards", labels, labels[:4], extension=extension)
    prepare(KITTI, tmp_path, source=tmp_path / "shards", partial=True)
    expected = {f"{'val' if name.startswith('test') else 'train'}/{labels[int(name[-7:])]:04d}/{name.split('/')[1]}."
                f"{extension}": data for name, data in files.items()}
    root = tmp_path / "kitti_distance"
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.glob("*/*/*")}
    assert found == expected and len(found) == 11


def test_image_and_label_may_come_in_any_order_with_other_files(tmp_path):
    image = make_image("png", 0)
    make_tar(tmp_path / "0.tar", [("a.png", image), ("a.json", b"{}"), ("a.cls", b" 2\n"), ("b.cls", b"1"),
                                  ("b.jpg", image)])
    assert [tuple(found) for found in read_shard(KITTI, tmp_path / "0.tar", "train")] == [
        ("train", "a", 2, "png", image), ("train", "b", 1, "jpg", image)]


def test_native_sprite_labels_are_floor_divided(tmp_path):
    for name, native in (("dsprites_location", 32), ("dsprites_orientation", 40)):
        make_tar(tmp_path / "0.tar", [member for label in range(native) for member in
                                      ((f"s{label:07d}.cls", str(label).encode()), (f"s{label:07d}.png", b"image"))])
        labels = [image.label for image in read_shard(TASKS[name], tmp_path / "0.tar", "test")]
        assert labels == [int(label // (native / 16)) for label in range(native)] and labels[-1] == 15


def special(kind, name="s0000001.png"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info, b""


@pytest.mark.parametrize("members, message", [
    ([("../s0000001.png", b"x"), ("s0000001.cls", b"0")], r"\.\./s0000001.png has a path for a name"),
    ([("s0000001.cls", b"0"), ("../../s0000001.png", b"x")], r"\.\./\.\./s0000001.png has a path for a name"),
    ([("/elsewhere/s0000001.png", b"x")], r"elsewhere/s0000001.png has a path for a name"),
    ([("a/s0000001.png", b"x")], r"a/s0000001.png has a path for a name"),
    ([("..png", b"x")], r"\.\.png has a path for a name"),
    ([special(tarfile.SYMTYPE)], "s0000001.png is a link, folder or device"),
    ([special(tarfile.LNKTYPE)], "s0000001.png is a link, folder or device"),
    ([special(tarfile.CHRTYPE)], "s0000001.png is a link, folder or device"),
    ([special(tarfile.DIRTYPE, "s1")], "s1 is a link, folder or device"),
    ([("s0000001.png", b"x"), ("s0000002.cls", b"0")], r"s0000001 has no label \(.cls\)"),
    ([("s0000001.cls", b"0"), ("s0000002.png", b"x")], r"s0000001 has no image \(.jpg, .png, .webp\)"),
    ([("s0000001.cls", b"0"), ("s0000001.png", b"x"), ("s0000001.jpg", b"x")], "s0000001 has 2 images"),
    ([("s0000001.cls", b"0"), ("s0000001.cls", b"1")], "s0000001.cls is there twice"),
    ([("s0000001.cls", b"4"), ("s0000001.png", b"x")], "s0000001.cls has label 4, but kitti_distance has labels 0"),
    ([("s0000001.cls", b"-1"), ("s0000001.png", b"x")], "s0000001.cls holds b'-1' instead"),
    ([("s0000001.cls", b"0_3"), ("s0000001.png", b"x")], "s0000001.cls holds b'0_3' instead of a label"),
    ([("s0000001.cls", b"9" * 5000), ("s0000001.png", b"x")], "s0000001.cls holds b'9{40}' instead of a label"),
    ([("s0000001.cls", b"cat"), ("s0000001.png", b"x")], "s0000001.cls holds b'cat' instead of a label")])
def test_a_member_that_does_not_belong_is_named_and_nothing_leaves_the_folder(tmp_path, members,
                                                                              message):
    make_shards(tmp_path / "shards", [0, 1, 2, 3], [0, 1, 2, 3])
    make_tar(tmp_path / "shards/train/1.tar", [("s0000000.cls", b"3"), ("s0000000.png", b"good"), *members])
    for partial in (False, True):
        user_error("shards/train/1.tar: .*" + message,
                   prepare, KITTI, tmp_path / "vtab", source=tmp_path / "shards", partial=partial)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shards", "vtab"]
    written = [path for path in (tmp_path / "vtab").rglob("*.*") if path.is_file() and not path.name.startswith(".")]
    assert {path.relative_to(tmp_path / "vtab").parts[:2] for path in written} == {
        ("kitti_distance.incomplete", "images"), ("kitti_distance.incomplete", "begun.json")}


def test_a_shard_cut_off_anywhere_is_refused(tmp_path):
    make_tar(tmp_path / "whole.tar", [(f"s{i:07d}.{extension}", data) for i in range(3)
                                      for extension, data in (("cls", b"1"), ("png", bytes(range(256)) * 3))])
    whole = (tmp_path / "whole.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))  # after it, padding and the end mark; the rest fills the last record
    end += -end % 512
    assert len(list(read_shard(KITTI, tmp_path / "whole.tar", "train"))) == 3
    for length in (*range(0, end + 1024, 256), 1, end - 1, end + 1023):
        (tmp_path / "0.tar").write_bytes(whole[:length])
        user_error(r"0.tar is cut off or damaged .*; fetch it again",
                   lambda: list(read_shard(KITTI, tmp_path / "0.tar", "train")))
    (tmp_path / "0.tar").write_bytes(whole[:end + 1024])
    assert len(list(read_shard(KITTI, tmp_path / "0.tar", "train"))) == 3


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path):
    make_tar(tmp_path / "0.tar", [(f"s{i:07d}.{extension}", b"1") for i in range(3) for extension in ("cls", "png")])
    data = bytearray((tmp_path / "0.tar").read_bytes())
    data[4 * 512 + 150] ^= 1  # the checksum of the third header
    (tmp_path / "0.tar").write_bytes(data)
    with pytest.raises(UserError, match=r"cut off or damaged .it ends after s0000000.png"):
        list(read_shard(KITTI, tmp_path / "0.tar", "train"))
    for nothing in (b"", b"no archive at all" * 100):
        (tmp_path / "0.tar").write_bytes(nothing)
        user_error(r"0.tar is cut off or damaged", lambda: list(read_shard(KITTI, tmp_path / "0.tar", "train")))


def test_a_shard_that_is_not_there_is_named_and_passed_over_by_partial(tmp_path):
    shards = tmp_path / "wds" / KITTI.repository  # --source may be the folder of several
    make_shards(shards, [0, 1, 2, 3] * 2, [0, 1, 2, 3] * 2)
    (shards / "test/1.tar").unlink()
    user_error("test/1.tar is not there.*--partial", prepare, KITTI, tmp_path, source=tmp_path / "wds")
    record = prepare(KITTI, tmp_path, source=tmp_path / "wds", partial=True)
    assert (record["counts"], record["complete"]) == ({"train": 8, "val": 4}, False)
    for text, message in ((None, "nshards.txt is not there: shards are"), ("many", "does not hold the number")):
        (shards / "train/nshards.txt").unlink()
        if text:
            (shards / "train/nshards.txt").write_text(text)
        user_error(message, lambda: list(parts(KITTI, shards, tmp_path, False)))
        (shards / "train/nshards.txt").touch()


def test_sun397_is_split_by_us_because_its_shards_are_not(tmp_path):
    task = replace(TASKS["sun397"], classes=2, unsplit=500, test=100)
    make_tar(tmp_path / "test/0.tar", [member for i in range(500) for member in
                                       ((f"s{i:07d}.cls", str(i % 2).encode()), (f"s{i:07d}.jpg", b"image"))])
    (tmp_path / "test/nshards.txt").write_text("1")
    record = prepare(task, tmp_path / "vtab", source=tmp_path)
    assert (record["split"], record["counts"], record["complete"]) == ("trainval", {"train": 400, "val": 100}, True)
    assert "one split" in record["note"] and "VTAB's are others" in record["note"]
    numbers = np.array([int(path.stem[1:]) for path in (tmp_path / "vtab/sun397/val").glob("*/*.jpg")])
    assert 200 < numbers.mean() < 300  # from everywhere, not from the end
    make_tar(tmp_path / "test/0.tar", [("s0000500.cls", b"1"), ("s0000500.jpg", b"image")])
    user_error("s0000500 is not a key of wds_sun397", lambda: list(read_shard(task, tmp_path / "test/0.tar", "test")))


def test_shards_are_downloaded_one_at_a_time(server, tmp_path, monkeypatch):
    hub = f"{KITTI.repository}/resolve/main"
    files = make_shards(tmp_path / hub, [0, 1, 2, 3, 3], [0, 1, 2, 3], shards=3)
    server.files = {f"/{hub}/{name}": data for name, data in contents(tmp_path / hub).items()}
    monkeypatch.setenv("VTAB_SHARDS_URL", f"{server.url}/")
    seen = []
    for name, images in parts(KITTI, None, tmp_path / "download", False):
        seen += [image.data for image in images]
        assert not (tmp_path / "download" / name).exists()
    assert seen == list(files.values())
    assert prepare(KITTI, tmp_path / "vtab", partial=True)["counts"]["train"] == 5
    said = r"wds_vtab-dmlab/resolve/main/train/nshards.txt cannot be fetched: .* 404"
    user_error(said, prepare, TASKS["dmlab"], tmp_path / "vtab")
    assert [path.name for path in (tmp_path / "vtab").iterdir()] == ["kitti_distance"]  # a mistake leaves nothing
