"""Training on a named dataset without a folder: the same run as on its folder, resumed anywhere."""

import os
import re
import signal
from pathlib import Path

import pytest
import torch

from datasets.image_folders.writer import write_image_folder
from generators.named import make_process
from models import load_encoder
from models.checkpoint import load_torch
from train_align_uniform.__main__ import TRAINER
from training.command import command as train_command
from training.command import parse
from training.images.sources import find_source
from utils.run_folder import RunFolder

TINY = ["--gpus", "--precision", "float32", "--width", "0.03125", "--batch_size", "8", "--steps", "7", "--lr", "0.05"]
LEAVES = ["--data", "dead_leaves-mixed", "--parameters", "resolution=40"]
FINITE = [*LEAVES, "--samples", "22"]  # 3 steps an epoch


@pytest.fixture(scope="module")
def finite(tmp_path_factory) -> Path:
    """A finished run on 22 images rendered in each epoch, which no one interrupted."""
    output = tmp_path_factory.mktemp("finite") / "run"
    assert train_command(TRAINER, [*FINITE, "--output", str(output), *TINY, "--workers", "1"]) == 0
    return output


def test_a_finite_set_is_the_png_folder(finite, trained, tmp_path, assert_same_run):
    """Bit for bit: the same images in the same order, the same losses and weights."""
    folder = tmp_path / "folder"
    write_image_folder(make_process("dead_leaves-mixed", 40), folder, 22, name="dead_leaves-mixed", image_format="png")
    trained("--data", folder, "--output", tmp_path / "run", *TINY)
    assert_same_run(finite, tmp_path / "run")


def test_sigkill_then_another_number_of_workers(finite, launch, trained, tmp_path, assert_same_run):
    process = launch("halt=5", *FINITE, "--output", tmp_path / "run", *TINY, "--workers", "1")  # in the second epoch
    process.kill()
    process.communicate()
    assert load_torch(tmp_path / "run" / "last.pth")["step"] == 4
    out = trained(*FINITE, "--output", tmp_path / "run", *TINY, "--workers", "2")
    assert "22 images of 40×40, rendered meanwhile, 7 steps of 8" in out
    assert_same_run(finite, tmp_path / "run")


def test_an_endless_run_whose_worker_is_killed_goes_on(launch, trained, tmp_path, assert_same_run, rendering_child):
    trained(*LEAVES, "--output", tmp_path / "whole", *TINY, "--workers", "1")
    arguments = [*LEAVES, "--output", tmp_path / "run", *TINY, "--workers", "1"]
    process = launch("halt=3,near=8", *arguments)
    os.kill(rendering_child(process.pid), signal.SIGKILL)
    _, err = process.communicate("\n")
    assert process.returncode == 1
    assert re.fullmatch("error: a worker process was killed, .* goes on where this one stopped\n", err)
    trained(*arguments)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize(("said", "arguments"), [
    ("is not a folder, nor a named dataset (fractaldb, dead_leaves-squares", ["--data", "dead_leaf"]),
    ("--resize is for folders, and stat-spectrum is a named dataset", ["--data", "stat-spectrum", "--resize", "40"]),
    ("pass --parameters encoder=FILE", ["--data", "feature_vis-dead_leaves"]),
    ("resolution must lie between 1", ["--data", "stat-spectrum", "--parameters", "resolution=0"]),
    ("a parameter of stat-spectrum: resolution, seed", ["--data", "stat-spectrum", "--parameters", "colour=red"]),
    ("7 images are fewer than one batch of 8", ["--data", "stat-spectrum", "--samples", "7"]),
    *[(f"{option} is for named datasets", [option, value]) for option, value in (
        ("--samples", "9"), ("--workers", "2"), ("--parameters", "seed=1"))],
    ("--compile does not go with DataParallel", ["--data", "stat-spectrum", "--compile", "--gpus", "0", "1"])])
def test_what_cannot_be(refused, image_folder, tmp_path, said, arguments):
    refused(said, "--data", image_folder, "--output", tmp_path / "run", *TINY, *arguments)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_the_same_images_only(refused, finite):
    refused("data.endless was False, now True", *LEAVES, "--output", finite, *TINY)
    refused("seed was 0, now 1", *FINITE, "--output", finite, *TINY, "--parameters", "resolution=40", "seed=1")


@pytest.mark.parametrize("name", ["dead_leaves-mixed", "stat-wmm", "stylegan-random", "stylegan-oriented"])
def test_beside_a_gpu_a_process_takes_it_if_it_can(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    args = parse(TRAINER, ["--data", name, "--output", "none", "--workers", "1"])
    for device, expected in (("cpu", "cpu"), ("cuda", "cuda" if name in ("stat-wmm", "stylegan-random") else "cpu")):
        data, open_images = find_source(args, torch.device(device))
        assert getattr(open_images().process, "device", "cpu") == expected and data["record"]["name"] == name


def test_sigterm_to_the_workers_too_saves(launch, rendering_child, tmp_path):
    """As torchrun and Slurm do it: the step that lacks its images is not taken."""
    process = launch("halt=3,near=8", *LEAVES, "--output", tmp_path / "run", *TINY, "--workers", "1")
    worker = rendering_child(process.pid)
    process.send_signal(signal.SIGTERM)
    os.kill(worker, signal.SIGTERM)
    out, err = process.communicate("\n")
    assert (process.returncode, err) == (143, "")
    assert "and saved; run the same command to go on" in out and (tmp_path / "run" / "last.pth").exists()


@pytest.mark.slow
def test_compiled(command, image_folder, tmp_path):
    """One step: the same loss and the same running statistics, of one view, as without."""
    for options in ([], ["--compile"]):
        output = tmp_path / f"run{len(options)}"
        code, _, _ = command("--data", image_folder, "--output", output, *TINY, "--steps", "1", *options)
        assert code == 0  # torch may warn of what it compiles with
    losses = [RunFolder(tmp_path / f"run{n}").metrics()[0]["loss"] for n in (0, 1)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    plain, compiled = (load_encoder(tmp_path / f"run{n}" / "encoder.pth").state_dict() for n in (0, 1))
    for name, value in plain.items():
        if "running" in name:
            assert value.allclose(compiled[name], rtol=1e-3, atol=1e-5), name
