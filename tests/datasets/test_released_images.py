"""The released datasets: from an address to an image folder, whatever is on the way."""

import hashlib
import json
import shutil
import signal
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import yaml

from datasets import manifest, released_images
from datasets.image_folders.folder import list_images
from datasets.image_folders.record import make_record
from datasets.manifest import releases
from generators.named import named_datasets
from tests.files import contents, files_up_to, listed, zipped
from tests.scripts.smoke_fixtures import picture
from training.trained import images_of
from utils.files import locked

NAME = "stat-wmm"
PATH = f"/zipped_data/small_scale/{NAME}.zip"


def images(top: str = "", count: int = 6, padding: int = 0) -> dict[str, bytes]:
    """Images by name, as the original project lays them out, with so many random bytes after each."""
    return {f"{top}train/{i - i % 4:08d}/{i:08d}.jpg": picture(0, i, 1) + np.random.default_rng(i).bytes(padding)
            for i in range(count)}


@pytest.fixture
def ended(server, tmp_path, monkeypatch, end):
    """Runs `python -m datasets.released_images *arguments` here, on this server and for 6 images; returns its exit code
    and what it prints."""
    server.files[PATH] = zipped(images(f"{NAME}/"))
    monkeypatch.setenv("NOISE_LEARNING_URL", f"{server.url}/")

    def call(*arguments: object) -> tuple[int, str, str]:
        output = [] if "--output" in arguments else ["--output", tmp_path / "data"]
        count = [] if "--count" in arguments else ["--count", 6]
        monkeypatch.setattr(sys, "argv", ["released", *map(str, [*arguments, *output, *count])])
        return end(released_images.main)

    return call


def test_the_manifest_names_what_was_released():
    trained = releases("datasets", "small")
    assert [release.name for release in trained] == [name for name, entry in named_datasets().items() if entry.trained]
    assert {release.images for release in trained} == {105_000}
    assert [release.name for release in releases("encoders", "small")] == [release.name for release in trained]
    base = "http://data.csail.mit.edu/noiselearning/"
    assert releases("datasets", "small", [NAME])[0].urls == (f"{base}zipped_data/small_scale/stat-wmm.zip",)
    assert releases("encoders", "small", [NAME])[0].urls == (f"{base}encoders/small_scale/stat-wmm/encoder.pth",)
    large = releases("datasets", "large")
    assert len(large) == 4 and {release.images for release in large} == {1_300_000}
    assert large[3].urls == (f"{base}zipped_data/large_scale/stylegan-oriented.zip",)
    encoders = {release.name: release.file for release in releases("encoders", "large")}
    assert encoders == {**{release.name: "checkpoint_0199.pth.tar" for release in large},
                        "mixed-4": "checkpoint_0799.pth.tar"}
    for group in ("datasets", "encoders"):
        for name in (release.name for release in releases(group, "large")):
            assert name in named_datasets()


def test_mirrors_and_checksums_come_from_the_manifest(monkeypatch):
    path = PATH.removeprefix("/")
    text = yaml.safe_dump({"addresses": ["http://one/x", "http://two/"], "checksums": {path: {"sha256": "ab"}},
                           "datasets": {"small": {"names": [NAME], "path": path, "images": 6}}})
    monkeypatch.setattr(manifest.Path, "read_text", lambda self: text)
    release = releases("datasets", "small")[0]
    assert release.urls == (f"http://one/x/{path}", f"http://two/{path}")
    assert (release.size, release.sha256) == (None, "ab")
    assert releases("datasets", "small", address="http://mine")[0].urls == (f"http://mine/{path}",)


@pytest.mark.parametrize("top", ["", f"{NAME}/", "some/other/folder/"])
def test_images_come_with_a_record_and_nothing_else_stays(server, command, tmp_path, top):
    others = {"__MACOSX/train/._0.jpg": b"", "readme.txt": b"hello", f"{top}dataset.json": b"{"}
    server.files[PATH] = zipped({**others, **images(top)})
    lines = command(NAME)
    folder = tmp_path / "data/small_scale" / NAME
    record = json.loads((folder / "dataset.json").read_text())
    found = contents(folder)
    assert {name: found[name] for name in images()} == images() and len(list_images(folder)) == 6
    assert listed(folder.parent) == [NAME]
    assert record == {**make_record(NAME, "the authors of the paper", {"train": 6}),
                      "url": f"{server.url}{PATH}", "size": len(server.files[PATH]),
                      "sha256": hashlib.sha256(server.files[PATH]).hexdigest(), "checked_against": None,
                      "date": record["date"]}
    assert lines[-1].startswith(f"{folder}: 6 images; {record['size']:,} bytes from {record['url']}, sha256 ")
    assert lines[-1].endswith("checked against nothing: none is known yet, this one is recorded")
    asked = len(server.asked)
    folder.with_name(f"{NAME}.incomplete").mkdir()  # of one that was killed after its last step
    assert command(NAME)[-1] == lines[-1] and len(server.asked) == asked  # nothing to fetch
    assert listed(folder.parent) == [NAME]


def test_a_known_sha256_is_checked(server, command, refuses, tmp_path, monkeypatch):
    known = {"size": len(server.files[PATH]), "sha256": hashlib.sha256(server.files[PATH]).hexdigest()}
    release = manifest.Release(NAME, (f"{server.url}{PATH}",), **known)
    monkeypatch.setattr(released_images, "releases", lambda *_: [release])
    right, server.files[PATH] = server.files[PATH], zipped(images(count=7))
    refuses(r"stat-wmm.zip gave [\d,]+ bytes with sha256 \w+, which is not the file that is known", NAME)
    assert not listed(tmp_path / "data/small_scale")
    server.files[PATH] = right
    assert command(NAME)[-1].endswith("checked against size and sha256 in datasets/released.yaml")


def test_all_or_some(server, command, refuses):
    chosen = [release.name for release in releases("datasets", "large")]
    for name in chosen:
        server.files[f"/zipped_data/large_scale/{name}.zip"] = zipped(images())
    lines = command("--scale", "large")
    assert [Path(line.split(":")[0]).name for line in lines if "images;" in line] == chosen
    refuses("'stat-wnn' is not among the datasets released at small scale, which are dead_leaves-squares, ", NAME,
            "stat-wnn")
    refuses("'stat-wmm' is not among the datasets released at large scale, which are dead_leaves-mixed, feature_vis",
            NAME, "--scale", "large")


@pytest.mark.parametrize("names", [
    lambda i: f"{NAME}/{i // 4:08d}/{i}.jpg", lambda i: f"{i}.jpg", lambda i: f"train/{i}.jpg",
    lambda i: f"x/train/a/b/{i}.jpg"])
@pytest.mark.parametrize("other", ["Thumbs.db", "train/0/Thumbs.db", "train/info/readme.txt"])
def test_other_layouts_are_whole_for_all_who_ask(server, command, tmp_path, names, other):
    """As the authors' layout is not known: whatever holds that many images, in a folder train or else in all."""
    server.files[PATH] = zipped({other: b"x", **{names(i): picture(0, i, 1) for i in range(6)}})
    for _ in range(2):
        assert command(NAME)
    folder = tmp_path / "data/small_scale" / NAME
    assert len(list_images(folder)) == 6 and images_of(folder) == "6 images"


def test_another_number_of_images(server, command, refuses, tmp_path):
    for _ in range(2):
        refuses("unchecked-stat-wmm.zip holds 6 images, not 105,000, and at its top stat-wmm; pass --count 6 to accept "
                "it, or remove it to have it fetched anew", NAME, "--count", 105_000)
    assert command(NAME, "--count", 6) and len(server.asked) == 1  # it was kept


@pytest.mark.parametrize("files, match", [
    ({"train/0.tar": b""}, "holds 0 images, not 6, and at its top .*; remove"), ({}, "holds 0 images, not 6"),
    ({"../x.jpg": b"", **images()}, "holds '../x.jpg', which could leave the folder; it is kept, and nothing was unp"),
    (images(padding=400_000), "holds 2.3 MB when unpacked, more than the 1.5 MB it may have; it is kept"),
    ({f"{i}/": b"" for i in range(10_013)}, "holds 10,013 files and folders, more than the 10,012 it may hold; it is"),
    ({f"train/{i}.jpg": b"<html>" for i in range(6)}, "holds what is no image .*/0.jpg is not an image .*; remove it")])
def test_what_may_be_right_is_kept_and_can_be_removed(server, command, refuses, tmp_path, files, match):
    server.files[PATH] = zipped(files)
    for _ in range(2):
        refuses(match, NAME)
    assert len(server.asked) == 1 and listed(tmp_path / "data/small_scale") == [f"{NAME}.incomplete"]
    server.files[PATH] = zipped(images())
    (tmp_path / f"data/small_scale/{NAME}.incomplete/unchecked-{NAME}.zip").unlink()
    command(NAME)
    assert listed(tmp_path / "data/small_scale") == [NAME]


def test_what_was_unpacked_of_another_archive_is_not_taken_for_this_one(server, command, ended, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "write_json", broken := Mock(side_effect=OSError(28, "full", "x")))
    assert ended(NAME)[0] == 1 and broken.called  # all is unpacked, nothing in place
    monkeypatch.undo()
    files = {f"{NAME}/train/{i}.jpg": picture(0, 100 + i, 1) for i in range(6)}
    server.files["/mirror" + PATH] = zipped(files)
    command(NAME, "--url", f"{server.url}/mirror")
    found = contents(tmp_path / "data/small_scale" / NAME)
    assert {name: found[name] for name in found if "train" in name} == {
        name.removeprefix(f"{NAME}/"): data for name, data in files.items()}


@pytest.mark.parametrize("set_up, match", [
    ({"status": 404}, "stat-wmm.zip cannot be fetched: the server says 404 Not Found"),
    ({"kind": "text/html"}, "stat-wmm.zip is a web page, not the file"),
    ({"status": 500}, "could not be fetched .*see that there is a network and run the same command again"),
    ({"files": {PATH: b"<html>"}}, "damaged, or no zip archive .*; it came from .* and was removed: run the same")])
def test_what_a_server_has_not_leaves_nothing_and_can_be_had_later(server, command, refuses, tmp_path, set_up, match):
    before = {name: getattr(server, name) for name in set_up}
    for values in (set_up, before):
        for name, value in values.items():
            setattr(server, name, value)
        if values is set_up:
            refuses(match, NAME)
            assert not listed(tmp_path / "data/small_scale")
    assert command(NAME)


def test_no_network(server, refuses, command):
    server.server_close()
    refuses("could not be fetched .*Connection refused.*see that there is a network")  # the first of 14 says it for all
    refuses("'ftp://x/zipped_data/small_scale/dead_leaves-squares.zip' is not an address", "--url", "ftp://x")


@pytest.mark.parametrize("name, data", [
    ("dataset.json", '{"name": "stat-spectrum", "process": "spectrum.Spectrum", "count": 1}'),
    ("dataset.json", '{"checked_against": null}'), ("dataset.json", "[]"), ("train/0.jpg", "")])
def test_a_folder_that_holds_something_else_is_left_alone_and_the_others_come(server, ended, tmp_path, name, data):
    folder = tmp_path / "data/small_scale/stat-spectrum"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(data)
    before = contents(folder)
    server.files[PATH.replace(NAME, "stat-spectrum_color")] = bytes(20_000)
    server.breaks = [1_000, 0, 0, 0, 0]
    code, out, err = ended("stat-spectrum", "stat-spectrum_color", NAME)  # of the second no more than 1,000 bytes come
    assert code == 1 and contents(folder) == before
    assert err.splitlines()[0] == (f"error: {folder} is there and was not downloaded by this command; choose another "
                                   "--output, or move it away")
    assert "stat-spectrum_color.zip could not be fetched (1,000 of " in err.splitlines()[1]
    assert err.count("\n") == 2 and out.splitlines()[-1].startswith(f"{folder.with_name(NAME)}: 6 images; ")


def test_a_link_to_elsewhere_and_images_that_were_removed_are_noticed(command, refuses, tmp_path):
    (tmp_path / "data/small_scale").mkdir(parents=True)
    (tmp_path / "data/small_scale" / NAME).symlink_to(tmp_path)
    refuses("stat-wmm is there and was not downloaded", NAME)
    (tmp_path / "data/small_scale" / NAME).unlink()
    command(NAME)
    next((tmp_path / "data").rglob("*.jpg")).unlink()
    refuses("stat-wmm no longer holds just what was downloaded; remove it and run the same command again", NAME)


def test_two_at_once(command, refuses, tmp_path):
    (tmp_path / "data/small_scale").mkdir(parents=True)
    with locked(tmp_path / f"data/small_scale/.{NAME}.lock"):
        refuses("stat-wmm.incomplete is in use by another process; wait for it", NAME)
    assert command(NAME)


def test_a_full_disk_or_a_folder_that_is_no_folder(server, command, refuses, tmp_path):
    (tmp_path / "file").write_text("")
    refuses("file", NAME, "--output", tmp_path / "file")
    server.files[PATH] = zipped(images(count=1, padding=200_000))
    with files_up_to(100_000):
        refuses("does not fit on its disk; make room and run the same command again", NAME, "--count", 1)
    assert command(NAME, "--count", 1)


KNOCKS = """
import sys
from pathlib import Path
from datasets import released_images
from utils.cli import run
unpack, knock = released_images.unpack, Path(sys.argv.pop())
released_images.unpack = lambda *about: knock.touch() or unpack(*about)
run(released_images.main)
"""


@pytest.mark.slow
def test_fifty_kills_change_nothing(server, tmp_path, start):
    """At random moments: 25 times during a slow download of 9 MB, 25 times while 3,000 files are unpacked."""
    files = {**images(f"{NAME}/", count=3_000), f"{NAME}/filler.bin": np.random.default_rng(0).bytes(8 << 20)}
    wanted = {name.removeprefix(f"{NAME}/"): data for name, data in files.items()}
    server.files[PATH] = zipped(files)
    rng, folder, unpacking = np.random.default_rng(0), tmp_path / "data/small_scale" / NAME, tmp_path / "unpacking"
    arguments = ["-c", KNOCKS, NAME, "--output", tmp_path / "data", "--count", 3_000, "--url", server.url, unpacking]
    kills, finished = {"download": 0, "extraction": 0}, 0

    while finished == 0 or sum(kills.values()) < 50:
        there = (folder.with_name(f"{NAME}.incomplete") / f"unchecked-{NAME}.zip").exists()
        stage = "extraction" if there or kills["download"] == 25 else "download"
        server.pause = 0.2 if stage == "download" else 0.0
        unpacking.unlink(missing_ok=True)
        server.asked.clear()
        process = start(arguments)
        if kills[stage] < 25:
            while process.poll() is None and not (server.asked if stage == "download" else unpacking.exists()):
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 1.0 if stage == "download" else 0.4))
            if process.poll() is None:
                process.kill()
                kills[stage] += 1
        assert process.wait(60) in (0, -signal.SIGKILL), process.stderr.read()
        if folder.exists():  # also where it was killed after its last step
            found = contents(folder)
            assert json.loads(found.pop("dataset.json"))["counts"]["train"] == 3_000 and found == wanted
        if process.returncode == 0:
            assert listed(folder.parent) == [NAME]
            finished += 1
            shutil.rmtree(folder)
    print(f"{kills['download']} kills during downloads, {kills['extraction']} during extractions; {finished} datasets "
          "were finished by the same command, all with the same files")
