"""Writing image folders: the same bytes whoever writes them, and nothing broken by kills, locks and full disks."""

import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datasets.image_folders import writer
from datasets.image_folders.folder import list_images
from datasets.image_folders.record import make_record
from datasets.image_folders.writer import write_image_folder
from generators.dead_leaves import DeadLeaves
from tests.files import user_error
from utils.cli import UserError
from utils.files import locked

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ramps:
    """The smallest process: image i is flat grey i, in three channels. Stands for any."""

    resolution: int = 8
    seed: int = 0
    colour: str = "grey"

    def render(self, indices):
        flat = np.array([(i + self.seed) % 256 for i in indices], np.uint8)
        return np.tile(flat[:, None, None, None], (1, self.resolution, self.resolution, 3))


def write(root, samples=120, process=None, **options):
    return write_image_folder(process or Ramps(), root, samples, name="ramps", **options)


def digest(root: Path) -> dict[str, str]:
    """The hash of every image by its path."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (root / "train").rglob("*") if path.is_file()}


def command(root: Path, *options: object) -> list[str]:
    return [sys.executable, "-m", "generators", "dead_leaves-mixed", "--resolution", "32", "--output", str(root),
            *map(str, options)]


def test_layout_record_and_pixels(tmp_path):
    assert write(tmp_path / "a", 1003, image_format="png") == 1003
    assert sorted(p.name for p in (tmp_path / "a/train").iterdir()) == ["00000000", "00001000"]
    assert sorted(p.name for p in (tmp_path / "a/train/00001000").iterdir()) == [f"0000100{i}.png" for i in range(3)]
    assert (np.asarray(Image.open(tmp_path / "a/train/00001000/00001002.png")) == 1002 % 256).all()
    record = json.loads((tmp_path / "a/dataset.json").read_text())
    software = record.pop("software")
    assert record == make_record("ramps", "generated", {"train": 1003}, process="Ramps",
                                 parameters={"colour": "grey"}, seed=0, resolution=8, format="png")
    assert {"python", "numpy", "pillow"} <= software.keys() and len(list_images(tmp_path / "a")) == 1003
    write(tmp_path / "b", 1)
    with Image.open(tmp_path / "b/train/00000000/00000000.jpg") as image:
        assert image.format == "JPEG" and image.quantization[0][0] == 2  # 16 of the standard's table, scaled to q95


def test_one_and_four_workers_write_the_same_bytes(tmp_path):
    for workers in (1, 4):
        assert write(tmp_path / str(workers), 420, DeadLeaves("mixed", resolution=32), workers=workers) == 420
    assert digest(tmp_path / "1") == digest(tmp_path / "4")


def test_killed_and_started_again(tmp_path):
    write(tmp_path / "whole", 2500, DeadLeaves("mixed", resolution=32))
    stopped = command(tmp_path / "stopped", "--samples", 2500, "--workers", 2)
    process = subprocess.Popen(stopped, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = tmp_path / "stopped/train/00000000"
    while not folder.exists() or len(os.listdir(folder)) < 200:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder / ".00000999.jpg.1.tmp").write_bytes(b"half an image")
    assert len(list((tmp_path / "stopped/train").rglob("*.jpg"))) < 2500
    user_error("still being generated", list_images, tmp_path / "stopped")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.jpg")}
    subprocess.run(stopped, cwd=ROOT, check=True, capture_output=True, timeout=120)
    assert digest(tmp_path / "stopped") == digest(tmp_path / "whole")  # also: no leftovers
    assert sum(path.stat().st_mtime_ns == then for path, then in before.items()) >= len(before) - 200  # not made anew


def test_workers_end_with_a_killed_parent(tmp_path):
    process = subprocess.Popen(command(tmp_path / "o", "--samples", 100_000, "--workers", 2), cwd=ROOT,
                               stderr=subprocess.DEVNULL)
    while not (tmp_path / "o/train/00001000").exists():
        assert process.poll() is None
        time.sleep(0.01)
    threads = Path(f"/proc/{process.pid}/task").iterdir()  # each has children of its own
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    process.kill()
    process.wait()
    assert len(children) >= 2
    for _ in range(500):
        if not any(Path(f"/proc/{child}/stat").exists() for child in children):
            return
        time.sleep(0.02)
    pytest.fail("workers outlived their parent")


def test_finished_folder_is_left_alone_even_if_read_only(tmp_path, monkeypatch):
    write(tmp_path / "a")
    before = digest(tmp_path / "a"), (tmp_path / "a/dataset.json").stat().st_mtime_ns

    def refuse(*_args, **_kwargs):
        raise OSError(errno.EROFS, "read-only")

    for name in ("locked", "write_bytes", "write_json"):
        monkeypatch.setattr(writer, name, refuse)
    assert write(tmp_path / "a") == 0
    assert before == (digest(tmp_path / "a"), (tmp_path / "a/dataset.json").stat().st_mtime_ns)


def test_missing_images_are_made_again_and_more_can_be_added(tmp_path):
    write(tmp_path / "a", 120)
    write(tmp_path / "b", 200)
    (tmp_path / "a/train/00000000/00000017.jpg").unlink()
    assert write(tmp_path / "a", 120) == 1 and write(tmp_path / "a", 200) == 80
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    user_error(r"200 images, more than the 120", write, tmp_path / "a", 120)


@pytest.mark.parametrize("change, said", [
    ({"process": Ramps(seed=1)}, "seed was 0, now 1"), ({"process": Ramps(resolution=9)}, "resolution was 8, now 9"),
    ({"process": Ramps(colour="blue")}, "parameters.colour was 'grey', now 'blue'"),
    ({"image_format": "png"}, "format was 'jpg', now 'png'")])
def test_another_record_is_refused_and_nothing_changes(tmp_path, change, said):
    write(tmp_path)
    before = digest(tmp_path), (tmp_path / "dataset.json").read_bytes()
    user_error(rf"another dataset \({said}\); choose", write, tmp_path, 300, **change)
    assert before == (digest(tmp_path), (tmp_path / "dataset.json").read_bytes())


def test_folders_with_something_else_are_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"not ours")
    user_error(r"no dataset\.json", write, tmp_path)
    user_error("is a file", write, tmp_path / "holiday.jpg")
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "dataset.json").write_text("[]")
    user_error("was not generated", write, tmp_path / "list")


def test_a_place_that_cannot_be_written_is_refused_before_rendering(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Ramps, "render", None)
    user_error("file is a file; choose another --output", write, tmp_path / "file" / "out")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # what a folder without permission answers
    user_error("is not writable; choose another --output", write, tmp_path / "out")


@pytest.mark.parametrize("options", [{"samples": 0}, {"samples": 10**8 + 1}, {"workers": 0}, {"image_format": "gif"},
                                     {"rank": 2, "world_size": 2}])
def test_senseless_requests_are_refused(tmp_path, options):
    user_error(r"cannot write|more than the 100,000,000", write, tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


RACE = """
import sys
from generators.dead_leaves import DeadLeaves
from datasets.image_folders.writer import write_image_folder
from utils.cli import UserError
process = DeadLeaves(resolution=8, seed=(rank := int(sys.argv[2])))
process.render([0])
for folder in range(10):
    sys.stdin.readline()
    try:
        write_image_folder(process, f"{sys.argv[1]}/{folder}", 1002, name="set", rank=rank, world_size=2)
        print("wrote", flush=True)
    except UserError as error:
        print(error, flush=True)
"""


def test_writers_that_start_together_agree_on_one_record(tmp_path, start):
    """Two shards with two seeds: one of them is refused, each of ten times."""
    both = [start(["-c", RACE, tmp_path, rank], stdin=subprocess.PIPE) for rank in range(2)]
    for folder in range(10):
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [next(line for line in process.stdout if not line.startswith("set:")) for process in both]
        winner = said.index("wrote\n")
        assert "holds another dataset (seed was" in said[1 - winner]
        assert json.loads((tmp_path / f"{folder}/dataset.json").read_text())["seed"] == winner
        assert len(list(tmp_path.glob(f"{folder}/train/*/*.jpg"))) == (1000, 2)[winner]


def test_shards_are_disjoint_and_make_the_whole(tmp_path):
    write(tmp_path / "whole", 3500)
    counts = [write(tmp_path / "parts", 3500, rank=rank, world_size=3) for rank in range(3)]
    assert counts == [1500, 1000, 1000] and digest(tmp_path / "parts") == digest(tmp_path / "whole")
    assert write(tmp_path / "parts", 3500, rank=1, world_size=3) == write(tmp_path / "parts", 3500) == 0


@pytest.mark.parametrize("held, allowed", [("0-of-1", False), ("0-of-2", False), ("1-of-2", True), ("1-of-3", False)])
def test_overlapping_writers_refuse(tmp_path, held, allowed):
    write(tmp_path, 1)
    with locked(tmp_path / f".lock-{held}", "held by this test"):
        if allowed:
            assert write(tmp_path, 50, rank=0, world_size=2) == 49
        else:
            user_error("being written by another process", write, tmp_path, 50, rank=0, world_size=2)
            assert len(list((tmp_path / "train").rglob("*.jpg"))) == 1


def test_too_small_a_disk_is_seen_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(writer.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2**20}))
    user_error(r"needs about 3\.9 MB for 1000 images, but 1\.0 MB are free", write, tmp_path / "a", 1000)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_cannot_be_written_is_one_line(tmp_path, workers):
    """A limit on file size stands for a full disk: it also hits worker processes."""
    options = command(tmp_path / "o", "--samples", 300, "--workers", workers)
    options[options.index("--resolution") + 1] = "128"
    limit = 4096  # bytes; the record is smaller, most images are larger
    result = subprocess.run(options, cwd=ROOT, text=True, capture_output=True, timeout=120,
                            env={**os.environ, "NUMBA_CACHE_DIR": str(ROOT / "generators/__pycache__")},
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert result.returncode == 1
    assert result.stderr.strip().endswith("File too large") and "Traceback" not in result.stderr
    assert not list((tmp_path / "o").rglob("*.tmp"))
    subprocess.run(options, cwd=ROOT, check=True, capture_output=True, timeout=120)
    assert len(list_images(tmp_path / "o")) == 300


@dataclass(frozen=True)
class Fatal(Ramps):
    """Ends its process without a word at image 60, as the system does to one that takes too much memory, or raises."""

    broken: bool = False

    def render(self, indices):
        if 60 in indices and self.broken:
            raise ZeroDivisionError("a fault of the process")
        if 60 in indices:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().render(indices)


def test_a_killed_worker_is_one_line_and_a_fault_is_a_traceback(tmp_path):
    user_error("worker process was killed", lambda: write(tmp_path / "a", 200, Fatal(), workers=2))
    assert write(tmp_path / "b", 40, Fatal()) == 40  # and this process lives
    with pytest.raises(ZeroDivisionError, match="a fault of the process"):  # which keeps its traceback
        write(tmp_path / "c", 200, Fatal(broken=True), workers=2)


@pytest.mark.parametrize(("change", "said"), [
    (torch.from_numpy, "but gives a Tensor uint8 [4, 8, 8, 3]"),
    (lambda images: images / np.float32(255), "but gives a ndarray float32 [4, 8, 8, 3]"),
    (lambda images: images[:-1], "but gives a ndarray uint8 [3, 8, 8, 3]"),
    (lambda images: images[:, :, :, :1], "but gives a ndarray uint8 [4, 8, 8, 1]"),
    (lambda images: images[:, ::2], "but gives a ndarray uint8 [4, 4, 8, 3]"),
    (lambda images: list(images), "but gives a list without a dtype []")])
def test_a_process_that_returns_another_thing_is_told_so(tmp_path, change, said):
    @dataclass(frozen=True)
    class Other(Ramps):
        def render(self, indices):
            return change(super().render(indices))

    with pytest.raises(UserError) as info:
        write(tmp_path / "a", 5, Other())
    assert str(info.value) == f"Other must render a ndarray uint8 [4, 8, 8, 3], {said}; mend its code"
    assert not (tmp_path / "a").exists()
