"""Unpacking archives: whole ones, stopped ones, damaged ones, and ones made to do harm."""

import signal
import stat
import struct
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from datasets import unzip as module
from datasets.download import WrongFile
from datasets.unzip import unzip
from tests.files import contents
from utils.cli import UserError

FILES = {f"a/train/{i // 10:03d}/{i:04d}.jpg": np.random.default_rng(i).bytes(50 + i) for i in range(35)}
LIMITS = {"members": 100, "size": 1 << 20}


def write_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("any")
            info.filename, info.compress_type = name, method  # as it is
            archive.writestr(info, data)
    return path


@pytest.fixture
def archive(tmp_path):
    return write_zip(tmp_path / "a.zip", {"a/": b"", "a/empty/": b"", **FILES})


def refuses(archive: Path, match: str, **limits: int) -> None:
    """One line that names the archive; nothing outside the hidden folder beside the target, whose name is not given."""
    before = contents(archive.parent)
    with pytest.raises(UserError, match=match) as info:
        unzip(archive, archive.parent / "out", **{**LIMITS, **limits})
    assert isinstance(info.value, WrongFile) == ("damaged" in str(info.value))  # only those are worth fetching anew
    assert str(info.value).startswith(str(archive)) and "\n" not in str(info.value)
    after = contents(archive.parent)
    assert before.items() <= after.items()
    assert all(name.startswith(".out.part/") for name in after.keys() - before.keys())
    assert not (archive.parent / "out").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_all_files_come_out_once(tmp_path, method):
    archive = write_zip(tmp_path / "a.zip", FILES, method)
    unzip(archive, tmp_path / "out", **LIMITS)
    assert contents(tmp_path / "out") == FILES and sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "out"]
    archive.unlink()
    unzip(archive, tmp_path / "out", **LIMITS)  # nothing to do


def test_a_stopped_extraction_keeps_what_is_whole_and_nothing_else(archive, tmp_path):
    names = list(FILES)
    part = tmp_path / ".out.part"
    for name, data in ((names[0], FILES[names[0]]), (names[1], FILES[names[1]][:-1]), (names[2], bytes(52)),
                       ("a/train/000/stranger.jpg", b"x")):
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_bytes(data)
    kept = (part / names[0]).stat().st_mtime_ns
    unzip(archive, tmp_path / "out", **LIMITS)
    assert contents(tmp_path / "out") == FILES and (tmp_path / "out" / names[0]).stat().st_mtime_ns == kept


def test_a_killed_extraction_goes_on(tmp_path, start):
    files = {f"{i}.bin": np.random.default_rng(i).bytes(100) for i in range(2000)}
    archive = write_zip(tmp_path / "a.zip", files)
    process = start(["-c", "import sys; from pathlib import Path; from datasets.unzip import unzip\n"
                     "unzip(Path(sys.argv[1]), Path(sys.argv[2]), 5000, 1 << 20)", archive, tmp_path / "out"])
    while not (tmp_path / ".out.part/100.bin").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    unzip(archive, tmp_path / "out", 5000, 1 << 20)
    assert contents(tmp_path / "out") == files


@pytest.mark.parametrize(("name", "said"), [
    *((name, "which could leave the folder") for name in ("../x", "a/../../x", "/x", "..\\x", "..", ".", "")),
    ("a/" + "x" * 256, "a name that is too long for a file"), ("a/" * 60 + "x", "a name that is too long for a file")])
def test_names_that_leave_the_folder_or_that_no_file_can_have(tmp_path, name, said):
    refuses(write_zip(tmp_path / "a.zip", {"good": b"1", name: b"2"}), said)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices(tmp_path, mode):
    info = zipfile.ZipInfo("a/link")
    info.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/good", b"1")
        archive.writestr(info, b"/etc/passwd")
    refuses(tmp_path / "a.zip", "'a/link', which is a link or a device")


def test_more_than_is_allowed(archive):
    refuses(archive, "holds 37 files and folders, more than the 36 it may hold", members=36)
    total = sum(map(len, FILES.values()))
    refuses(archive, r"holds 2.3 KB when unpacked, more than the 2.3 KB", size=total - 1)
    unzip(archive, archive.parent / "out", members=37, size=total)


def test_a_bomb_that_lies_about_its_size(tmp_path):
    """10 MB of zeros that the archive says are 10 bytes: 10 bytes come out, which are not what it says they are."""
    archive = write_zip(tmp_path / "a.zip", {"zeros": bytes(10 << 20)})
    data = archive.read_bytes()
    assert len(data) < 20_000 and data.count(struct.pack("<I", 10 << 20)) == 2
    archive.write_bytes(data.replace(struct.pack("<I", 10 << 20), struct.pack("<I", 10)))
    refuses(archive, "damaged, or no zip archive", size=100)
    assert sum(map(len, contents(tmp_path / ".out.part").values())) <= 10


def test_files_that_share_their_bytes(tmp_path):
    """Many entries for one packed file: the total counts each of them."""
    archive = write_zip(tmp_path / "a.zip", {f"{i:02d}": bytes(1 << 16) for i in range(20)}, zipfile.ZIP_DEFLATED)
    refuses(archive, "holds 1.2 MB when unpacked, more than the 1.0 MB")


def test_names_that_clash(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for data in (b"1", b"2"):
                archive.writestr("a/x.jpg", data)
    refuses(tmp_path / "a.zip", "holds 'a/x.jpg' twice")
    refuses(write_zip(tmp_path / "b.zip", {"a/./x": b"1", "a/x": b"2"}), "holds 'a/x' twice")
    refuses(write_zip(tmp_path / "c.zip", {"a/b/c": b"1", "a": b"2"}), "'a' both as a file and as a folder")


def test_other_methods_and_passwords(tmp_path):
    refuses(write_zip(tmp_path / "a.zip", {"x": b"1"}, zipfile.ZIP_LZMA), "encrypted or packed by another method")
    archive = write_zip(tmp_path / "b.zip", {"x": b"1"})
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    refuses(archive, "encrypted")


def test_damage_is_one_line_wherever_it_is(archive, tmp_path):
    whole = archive.read_bytes()
    for count in (0, 1, len(whole) // 2, len(whole) - 1):
        archive.write_bytes(whole[:count])
        refuses(archive, "damaged, or no zip archive")
    archive.write_bytes(b"<html>not found</html>")
    refuses(archive, "damaged, or no zip archive")
    rng = np.random.default_rng(0)
    for number in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        archive.write_bytes(data)
        try:
            unzip(archive, tmp_path / "all" / str(number), **LIMITS)
        except UserError as error:
            assert str(error).startswith(str(archive)) and "\n" not in str(error)
    outside = {path.name for path in tmp_path.iterdir()} - {"a.zip", "all", ".out.part"}
    assert not outside


def test_no_room_is_said_before_anything_is_written(archive, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(0, 0, 100))
    with pytest.raises(UserError, match=r"out needs 2.3 KB more, but 100 bytes are free; make room") as info:
        unzip(archive, tmp_path / "out", **LIMITS)
    assert not isinstance(info.value, WrongFile) and not contents(tmp_path / ".out.part")  # the archive is not at fault
    monkeypatch.undo()
    unzip(archive, tmp_path / "out", **LIMITS)
    assert contents(tmp_path / "out") == FILES
