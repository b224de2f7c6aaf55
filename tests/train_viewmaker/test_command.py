"""The command: a run, a resume to the bit, kills, endless images, and one line for what cannot be."""

import contextlib
import random
import subprocess
import time

import pytest
import torch

from models.checkpoint import load_torch
from tests.training.conftest import metrics
from train_viewmaker.__main__ import TRAINER
from train_viewmaker.learner import CommandLearner
from training.command import command as train_command

from .small import ARGUMENTS, same_state

ALWAYS = """import functools, runpy
from training import loop
loop.SaveClock = functools.partial(loop.SaveClock, share=1e9, every=0.0)
runpy.run_module("train_viewmaker", run_name="__main__")"""


@pytest.fixture
def ended(end):
    return lambda *arguments: end(lambda: train_command(TRAINER, list(map(str, arguments))))


def same(a, b):
    states = ({**load_torch(folder / "last.pth"), "seconds": 0} for folder in (a, b))
    assert metrics(a) == metrics(b) and same_state(*states)
    for name in ("encoder.pth", "viewmaker.pth"):
        assert (a / name).read_bytes() == (b / name).read_bytes()


@pytest.mark.parametrize("more", [["--scheme", "two-pass"], ["--objective", "inst-disc"]])
def test_resumes_to_the_bit(command, interrupted, tmp_path, image_folder, more):
    arguments = ["--data", image_folder, *ARGUMENTS, *more]
    command(*arguments, "--output", tmp_path / "whole")
    interrupted(CommandLearner, 5, *arguments, "--output", tmp_path / "parts")
    command(*arguments, "--output", tmp_path / "parts")
    same(tmp_path / "whole", tmp_path / "parts")
    logged = {"loss", "view_loss", "align", "delta_mean", "delta_max", "clamped", "cos_noises", "cos_inputs", "blind",
              "one_delta", "lr", "epoch"}
    assert all(logged < line.keys() for line in metrics(tmp_path / "whole"))
    last = load_torch(tmp_path / "whole/last.pth")
    exported = load_torch(tmp_path / "whole/viewmaker.pth")
    assert all(torch.equal(value, last["viewmaker"][name]) for name, value in exported.items())
    (tmp_path / "whole/encoder.pth").unlink()
    assert "exported again" in "".join(command(*arguments, "--output", tmp_path / "whole"))


def test_endless_images(command, refuses, tmp_path):
    endless = ["--data", "dead_leaves-mixed", "--parameters", "resolution=40", "--workers", "1", *ARGUMENTS,
               "--steps", "2", "--views", "both"]
    assert "endless images" in command(*endless, "--output", tmp_path / "run")[0]
    refuses("none comes again; pass --samples", *endless, "--objective", "inst-disc", "--output", tmp_path / "bank")


@pytest.mark.parametrize(("more", "said"), [
    (["--size", "18"], "divisible by 4, not 18"), (["--size", "4"], "sides of 8 pixels and more"),
    (["--budget", "0"], "budget must be above 0, not 0"), (["--budget", "-1"], "budget must be above 0"),
    (["--budget", "nan"], "budget must be above 0"), (["--view_width", "0"], "viewmaker's width must lie"),
    (["--width", "0"], "encoder's width must lie"), (["--temperature", "0"], "--temperature must be above 0"),
    (["--size", "12"], "a small_alexnet takes --size 16 and more, not 12"),
    (["--views", "expert", "--expert", "waveform"], "--expert waveform is for sound"),
    (["--views", "hard", "--spectral"], "--spectral is for learned views, and --views hard"),
    (["--views", "none", "--scheme", "two-pass"], "--scheme is for learned views"),
    (["--lr", "1e25"], "became (nan|inf) at step")])
def test_bad_input_is_one_line(refuses, tmp_path, image_folder, more, said):
    refuses(said, "--data", image_folder, *ARGUMENTS, *more, "--output", tmp_path / "run")
    assert "--lr" in more or not (tmp_path / "run").exists()


def test_a_size_is_refused_before_images_are_packed(refuses, tmp_path, make_images):
    folder = make_images(tmp_path / "images", 12)
    before = sorted(folder.iterdir())
    refuses("divisible by 4, not 30", "--data", folder, *ARGUMENTS, "--size", "30", "--output", tmp_path / "run")
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_killed_at_random_moments(start, tmp_path, image_folder):
    """Both networks, both optimisers and the bank are those of a run that nobody killed."""
    arguments = ["-c", ALWAYS, "--data", image_folder, *ARGUMENTS, "--steps", "60", "--objective", "inst-disc"]
    whole = start([*arguments, "--output", tmp_path / "whole"])
    assert whole.wait() == 0, whole.stderr.read()
    moments, log = random.Random(0), tmp_path / "parts/metrics.jsonl"
    for _ in range(5):
        process = start([*arguments, "--output", tmp_path / "parts"])
        before = log.read_bytes() if log.exists() else b""
        while process.poll() is None and (log.read_bytes() if log.exists() else b"") == before:
            time.sleep(0.01)  # until it has taken up the run
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.5))
        process.kill()
        process.wait()
    last = start([*arguments, "--output", tmp_path / "parts"])
    assert last.wait() == 0, last.stderr.read()
    same(tmp_path / "whole", tmp_path / "parts")
