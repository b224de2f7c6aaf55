"""Shards: the images of the folder, the same bytes whoever writes them and however often they are stopped, and what
other programs make of them."""

import json
import signal
import subprocess
import sys
import tarfile
import time
from importlib.util import find_spec

import numpy as np
import pytest

from datasets.shards import write as shards
from datasets.shards.index import Index
from generators.dead_leaves import DeadLeaves
from tests.datasets.image_folders.test_writer import ROOT, Ramps, command, digest, write
from tests.files import user_error
from utils.files import sha256


@pytest.fixture
def small(monkeypatch):
    """Shards of 40 images in place of 1,000, in this process."""
    for module in ("datasets.image_folders.writer", "datasets.shards.write"):
        monkeypatch.setattr(f"{module}.FOLDER", 40)
    monkeypatch.setattr("datasets.image_folders.writer.IMAGES_A_CHUNK", 8)


def tar(root, samples, **options):
    return write(root, samples, options.pop("process", Ramps()), image_format="tar", **options)


def test_a_shard_holds_the_files_of_the_folder(small, tmp_path):
    assert tar(tmp_path / "tar", 90) == 90 and tar(tmp_path / "tar", 90) == 0
    write(tmp_path / "jpg", 90)
    loose = {path.name: path.read_bytes() for path in (tmp_path / "jpg").rglob("*.jpg")}
    found = {}
    for number, path in enumerate(sorted((tmp_path / "tar/train").glob("*.tar"))):
        with tarfile.open(path) as shard:
            names = shard.getnames()
            assert names == [f"{i:08d}.jpg" for i in range(40 * number, min(40 * number + 40, 90))]
            found |= {name: shard.extractfile(name).read() for name in names}
            index = Index.read(path.with_suffix(".json"))
            assert [(m.offset_data, m.size) for m in shard] == [tuple(row[:2]) for row in index.images.tolist()]
            assert {(m.mtime, m.uid, m.uname) for m in shard} == {(0, 0, "")} and index.size == path.stat().st_size
    assert found == loose
    assert sorted(path.name for path in (tmp_path / "tar/train").iterdir()) == [
        f"{first:08d}.{end}" for first in (0, 40, 80) for end in ("json", "tar")]
    assert json.loads((tmp_path / "tar/dataset.json").read_text())["format"] == "tar"


def test_workers_and_ranks_write_the_same_bytes(small, tmp_path):
    process = DeadLeaves("mixed", resolution=16)
    for workers in (1, 2):
        tar(tmp_path / str(workers), 90, process=process, workers=workers)
    assert [tar(tmp_path / "ranks", 90, process=process, rank=rank, world_size=2) for rank in (1, 0)] == [40, 50]
    assert digest(tmp_path / "1") == digest(tmp_path / "2") == digest(tmp_path / "ranks")


def test_fewer_shards_than_processes(small, tmp_path):
    user_error("80 images make 2 shards of 40, fewer than the 3 processes of WORLD_SIZE; start fewer", tar,
               tmp_path / "a", 80, rank=0, world_size=3)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("bytes_left", [100, 2000, 30_000, None])
def test_a_shard_that_was_begun_goes_on(small, tmp_path, bytes_left):
    """Cut anywhere, even when only its name was missing; nothing whole is made again but the last."""
    tar(tmp_path / "whole", 80)
    tar(tmp_path / "cut", 80)
    shard = tmp_path / "cut/train/00000040.tar"
    partial = shards.partial_path(tmp_path / "cut", 40)
    partial.write_bytes(shard.read_bytes()[:bytes_left])
    shard.unlink()
    left = 39 if bytes_left is None else bytes_left // (512 + 1024)  # a header, and 631 bytes in two blocks
    assert tar(tmp_path / "cut", 80) == 40 - left
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


def test_more_images_and_a_lost_index(small, tmp_path):
    tar(tmp_path / "a", 60)
    assert tar(tmp_path / "a", 100) == 40
    tar(tmp_path / "b", 100)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    (tmp_path / "a/train/00000000.json").unlink()
    assert tar(tmp_path / "a", 100) == 1 and digest(tmp_path / "a") == digest(tmp_path / "b")
    user_error("100 images, more than the 60", tar, tmp_path / "a", 60)
    user_error("format was 'tar', now 'jpg'", write, tmp_path / "a", 100)
    user_error("holds another dataset .*seed was 0, now 1", tar, tmp_path / "a", 200, process=Ramps(seed=1))


def test_images_of_another_law_are_refused(small, tmp_path, monkeypatch):
    tar(tmp_path, 60)
    monkeypatch.setattr(Ramps, "render", lambda self, indices: np.full((len(indices), 8, 8, 3), 200, np.uint8))
    user_error("is not what Ramps makes now", tar, tmp_path, 100)


@pytest.mark.slow
def test_killed_and_started_again(tmp_path):
    arguments = ["--format", "tar", "--samples", 1300, "--workers", 2]
    process = subprocess.Popen(command(tmp_path / "stopped", *arguments), cwd=ROOT, stdout=subprocess.DEVNULL)
    partial = shards.partial_path(tmp_path / "stopped", 1000)
    while not partial.exists() or partial.stat().st_size < 100_000:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = (tmp_path / "stopped/train/00000000.tar").stat().st_mtime_ns
    subprocess.run(command(tmp_path / "stopped", *arguments), cwd=ROOT, check=True, capture_output=True)
    write(tmp_path / "whole", 1300, DeadLeaves("mixed", resolution=32), image_format="tar")
    assert digest(tmp_path / "stopped") == digest(tmp_path / "whole")
    assert (tmp_path / "stopped/train/00000000.tar").stat().st_mtime_ns == first


READ = """
import hashlib, sys, webdataset
for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):
    print(sample["__key__"].rpartition("/")[2], hashlib.sha256(sample["jpg"]).hexdigest())
"""


@pytest.mark.skipif(find_spec("webdataset") is None, reason="the webdataset library is not installed")
def test_webdataset_reads_them(small, tmp_path):
    """In a process of its own, as it leaves files open."""
    tar(tmp_path / "tar", 60)
    write(tmp_path / "jpg", 60)
    shards = sorted((tmp_path / "tar/train").glob("*.tar"))
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", READ, *shards], capture_output=True, text=True,
                           check=True).stdout
    assert found.splitlines() == [f"{path.stem} {sha256(path)}" for path in sorted((tmp_path / "jpg").rglob("*.jpg"))]
