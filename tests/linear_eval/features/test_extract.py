"""Features computed once: the same with and without the files, after a kill, and made anew when anything differs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from linear_eval.features import extract as extraction
from linear_eval.features.extract import extract
from linear_eval.features.rows import baseline_row, encoder_row, random_row
from linear_eval.task import Split, load_task
from models import random_encoder, save_encoder
from tests.files import user_error

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def split(folder) -> Split:
    return load_task(folder).train


@pytest.fixture
def row():
    return random_row(0, CPU, width=0.05)


def counted(row):
    """`row`, and the list of how many images each call of its features was given."""
    calls: list[int] = []
    original = row.features
    object.__setattr__(row, "features", lambda images: calls.append(len(images)) or original(images))
    return row, calls


def test_features_come_in_order_and_from_the_file_the_second_time(split, row, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "AHEAD", 8)
    monkeypatch.setattr(extraction, "_batch_size", lambda row, device: 4)
    rows = np.array([3, 20, 1, 7, 7, 12, 0, 5, 9, 11])
    expected = torch.cat([row.features(torch.from_numpy(split.images(part))) for part in np.split(rows, [4, 8])])
    row, calls = counted(row)
    torch.testing.assert_close(extract(row, split, CPU, rows), expected)
    kept = extract(row, split, CPU, rows, tmp_path)
    assert torch.equal(kept, extract(row, split, CPU, rows)) and kept.dtype == torch.float32
    before = len(calls)
    assert torch.equal(extract(row, split, CPU, rows, tmp_path), kept) and len(calls) == before
    assert sorted(path.suffix for path in tmp_path.glob("[!.]*") if path.is_file()) == [".json", ".npy"]
    np.testing.assert_array_equal(np.load(next(tmp_path.glob("*.npy"))), kept)


def test_another_encoder_layer_view_or_image_is_another_file(split, tmp_path):
    def files() -> int:
        return len(list(tmp_path.glob("*.npy")))

    extract(random_row(0, CPU, width=0.05), split, CPU, cache=tmp_path)
    extract(random_row(1, CPU, width=0.05), split, CPU, cache=tmp_path)
    assert files() == 2
    extract(random_row(0, CPU, width=0.05, layer="fc7"), split, CPU, cache=tmp_path)
    assert files() == 3
    extract(random_row(0, CPU, width=0.05), split, CPU, np.arange(5), tmp_path)
    assert files() == 4
    os.utime(split.paths[0], ns=(1, 1))  # an image was exchanged
    extract(random_row(0, CPU, width=0.05), split, CPU, cache=tmp_path)
    assert files() == 5


def test_precisions_are_kept_apart(split, tmp_path):
    exact, short = (extract(random_row(0, CPU, width=0.05, precision=precision), split, CPU, cache=tmp_path)
                    for precision in ("float32", "bfloat16"))
    assert not torch.equal(exact, short)


def test_features_of_other_code_are_not_used(split, row, tmp_path, monkeypatch):
    """An edit of whatever file has a hand in them is other code."""
    for room in ("datasets", "linear_eval", "models", "utils"):
        shutil.copytree(ROOT / room, tmp_path / "copy" / room, ignore=shutil.ignore_patterns("__pycache__"))
    known = {extraction.CODE}
    assert extraction.code_sha256(tmp_path / "copy") == extraction.CODE
    for source in ("datasets/image_folders/folder.py", "linear_eval/features/frozen.py", "models/small_alexnet.py",
                   "models/resnet50.py", "models/pretrained.py", "models/any_encoder.py", "utils/devices.py",
                   "utils/seeding.py"):
        path = tmp_path / "copy" / source
        path.write_text(path.read_text() + "# edited\n")
        known.add(extraction.code_sha256(tmp_path / "copy"))
    assert len(known) == 9

    row, calls = counted(row)
    for code in known:
        monkeypatch.setattr(extraction, "CODE", code)
        extract(row, split, CPU, cache=tmp_path / "features")
    assert len(list((tmp_path / "features").glob("*.npy"))) == 9 and sum(calls) == 9 * len(split.paths)


def test_baselines_and_functions_of_ones_own_are_not_kept(split, tmp_path):
    extract(baseline_row("mean colours"), split, CPU, cache=tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_goes_on_after_the_last_whole_batch(split, row, tmp_path, monkeypatch):
    """A file cut anywhere, as a kill leaves it, ends as the undisturbed one; whole batches are not computed again."""
    monkeypatch.setattr(extraction, "_batch_size", lambda row, device: 4)
    extract(row, split, CPU, cache=tmp_path)
    done = next(tmp_path.glob("*.npy"))
    whole = done.read_bytes()
    row, calls = counted(row)
    bytes_a_row = 4 * np.load(done).shape[1]
    for kept, images_left in ((0, 24), (50, 24), (len(whole) - 24 * bytes_a_row, 24),
                              (len(whole) - 20 * bytes_a_row - 1, 24), (len(whole) - 15 * bytes_a_row, 16),
                              (len(whole) - 1, 4), (len(whole), 0)):
        done.rename(done.with_suffix(".partial"))
        os.truncate(done.with_suffix(".partial"), kept)
        calls.clear()
        extract(row, split, CPU, cache=tmp_path)
        assert done.read_bytes() == whole and sum(calls) == images_left
        assert not done.with_suffix(".partial").exists()


@pytest.mark.parametrize("spoil", [
    lambda path: os.truncate(path, 300),
    lambda path: os.truncate(path, 0),
    lambda path: path.write_bytes(path.read_bytes()[:-40] + bytes(40)),
    lambda path: path.with_suffix(".json").write_text("{}")])
def test_a_damaged_file_is_made_again(split, row, tmp_path, spoil):
    kept = extract(row, split, CPU, cache=tmp_path).clone()
    path = next(tmp_path.glob("*.npy"))
    spoil(path)
    assert torch.equal(extract(row, split, CPU, cache=tmp_path), kept)


def test_contents_exchanged_under_the_same_size_and_time(tmp_path, row):
    """As `cp -p` and `rsync -t` do; and two folders whose files differ in nothing but the contents."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name / "cat").mkdir(parents=True)
        for i in range(3):
            path = tmp_path / name / "cat" / f"{i}.bmp"
            Image.fromarray(random.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
            os.utime(path, ns=(0, 0))
    splits = [Split(sorted((tmp_path / name / "cat").iterdir()), np.zeros(3, np.int64)) for name in ("a", "b")]
    a, b = (extract(row, split, CPU, cache=tmp_path / "cache").clone() for split in splits)
    assert not torch.equal(a, b)
    for path, other in zip(splits[0].paths, splits[1].paths, strict=True):
        path.write_bytes(other.read_bytes())
        os.utime(path, ns=(0, 0))
    exchanged = Split(splits[0].paths, splits[0].labels)
    assert torch.equal(extract(row, exchanged, CPU, cache=tmp_path / "cache"), b)


def test_killed_in_the_middle(folder, tmp_path):
    """SIGKILL while features are written, then the same again: the same bytes as without."""
    save_encoder(random_encoder(0, width=0.05), tmp_path / "encoder.pth")
    program = f"""
import os, signal, sys, torch
from linear_eval.features import extract as extraction
from linear_eval.features.extract import extract
from linear_eval.features.rows import encoder_row
from linear_eval.task import load_task
from pathlib import Path
extraction._batch_size = lambda row, device: 4
row = encoder_row({str(tmp_path / 'encoder.pth')!r}, torch.device("cpu"))
left, original = [int(sys.argv[1])], row.features
def features(images):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(images)
object.__setattr__(row, "features", features)
extract(row, load_task({str(folder)!r}).train, torch.device("cpu"), cache=Path({str(tmp_path / 'cache')!r}))
"""
    killed = subprocess.run([sys.executable, "-c", program, "4"], cwd=ROOT, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL and not list((tmp_path / "cache").glob("*.npy"))
    row = encoder_row(tmp_path / "encoder.pth", CPU)
    again = subprocess.run([sys.executable, "-c", program, "0"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    torch.testing.assert_close(torch.from_numpy(np.load(next((tmp_path / "cache").glob("*.npy")))),
                               extract(row, load_task(folder).train, CPU), rtol=0.02, atol=0.02)


def test_damaged_encoder_is_refused(split, tmp_path):
    model = random_encoder(0, width=0.05)
    row = random_row(0, CPU, width=0.05)
    model.blocks[5][1].weight.data[0] = float("nan")
    object.__setattr__(row, "features", lambda images: torch.full((len(images), 3), torch.nan))
    for cache in (None, tmp_path / "features"):
        user_error("random initialisation gives features that are not finite", extract, row, split, CPU, cache=cache)
    assert not list((tmp_path / "features").glob("*.npy"))
