import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from datasets.image_folders import fingerprint
from datasets.image_folders.fingerprint import contents_sha256, states_sha256
from datasets.image_folders.folder import list_images
from tests.files import user_error


@pytest.fixture
def read(monkeypatch) -> list:
    """The files whose contents are read."""
    files, real = [], fingerprint._sha256
    monkeypatch.setattr(fingerprint, "_sha256", lambda path: files.append(path.name) or real(path))
    return files


def of(folder):
    return contents_sha256(folder, list_images(folder))


def exchange(a, b):
    """Two images of one size exchange their names; size and mtime under each name stay."""
    a.rename(a.with_name("aside"))
    b.rename(a)
    a.with_name("aside").rename(b)


def flip_a_bit(a, b):
    data = a.read_bytes()
    a.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(a, ns=(10**18, 10**18))


@pytest.mark.parametrize("change", [exchange, flip_a_bit])
def test_contents_that_change_behind_size_and_mtime_are_noticed(folder, change):
    two = list_images(folder)[3:5]
    for path in two:
        os.truncate(path, 10_000)
        os.utime(path, ns=(10**18, 10**18))
    contents, states = of(folder), states_sha256(folder, list_images(folder))
    change(*two)
    assert of(folder) != contents and states_sha256(folder, list_images(folder)) != states


def test_a_copy_has_the_same_contents_however_it_is_named(folder, tmp_path, monkeypatch):
    before = of(folder)
    shutil.copytree(folder, tmp_path / "copy")
    assert of(tmp_path / "copy") == before
    os.utime(list_images(folder)[0], (1, 1))
    assert of(folder) == before
    monkeypatch.chdir(folder)
    assert of(Path(".")) == before


def test_a_part_and_the_whole_differ_and_names_cannot_run_into_contents(tmp_path):
    for name in ("a", "ab"):
        (tmp_path / name).write_bytes(b"b")
    a, ab = tmp_path / "a", tmp_path / "ab"
    assert len({contents_sha256(tmp_path, paths) for paths in ([a], [ab], [a, ab], [])}) == 4


def test_only_what_may_have_changed_is_read(folder, read):
    before = of(folder)
    assert len(read) == 12
    assert of(folder) == before and len(read) == 12
    Image.new("RGB", (40, 40)).save(list_images(folder)[3])
    after = of(folder)
    assert read[12:] == ["00000003.jpg"]
    (folder / fingerprint.REMEMBERED).unlink()
    assert of(folder) == after != before


def test_what_is_no_longer_there_is_forgotten(folder):
    of(folder)
    size = (folder / fingerprint.REMEMBERED).stat().st_size
    for path in list_images(folder)[2:]:
        path.unlink()
    Image.new("RGB", (40, 40)).save(list_images(folder)[0])
    of(folder)
    assert (folder / fingerprint.REMEMBERED).stat().st_size < size / 3


@pytest.mark.parametrize("damage", [b"", b"short", bytes(32 + 64), bytes(1000)])
def test_a_damaged_memory_is_none(folder, read, damage):
    before = of(folder)
    (folder / fingerprint.REMEMBERED).write_bytes(damage)
    assert of(folder) == before and len(read) == 24
    assert of(folder) == before and len(read) == 24


def test_a_folder_that_cannot_be_written_is_read_each_time(folder, read):
    (folder / fingerprint.REMEMBERED).mkdir()  # root may write anywhere, but not over a folder
    assert of(folder) == of(folder) and len(read) == 24
    assert not list(folder.glob(".*.tmp"))


def test_many_files_show_progress(folder, capsys, monkeypatch):
    monkeypatch.setattr(fingerprint, "MANY", 10)
    of(folder)
    assert "reading" in capsys.readouterr().out
    of(folder)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("sha256", [contents_sha256, states_sha256])
@pytest.mark.parametrize(("make", "said"), [(lambda path: path.symlink_to("nowhere.jpg"), "is a link to nothing"),
                                            (os.mkfifo, "is no plain file")])  # which is not waited for
def test_what_is_no_file_is_named(folder, sha256, make, said):
    make(folder / "train" / "photo.jpg")
    user_error(rf"photo\.jpg {said}", sha256, folder, list_images(folder))


@pytest.mark.parametrize("name", ["00000099.jpg", os.fsdecode(b"\xff.jpg")])  # which need not be text
def test_another_name_is_another_fingerprint(folder, name):
    before, path = of(folder), list_images(folder)[11]
    other = path.rename(path.with_name(name))
    assert of(folder) != before
    other.rename(path)
    assert of(folder) == before
