"""Two processes on CPUs (gloo) against one: the same gradient, the same views, the same weights."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_torch
from train_align_uniform.distributed import ALONE, Processes
from train_align_uniform.images import PackedImages
from train_align_uniform.trainer import Config, Trainer
from utils.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")

# Ten steps in float64 with frozen BatchNorm, on batches of 7 that two processes share unevenly.
STEPS = """
import sys, dataclasses, numpy as np, torch
from train_align_uniform.distributed import Processes
from train_align_uniform.images import PackedImages
from train_align_uniform.trainer import Config, Trainer

def take_steps(processes, loss, output):
    config = Config(batch_size=7, steps=10, width=1 / 32, lr=0.05, loss=loss, align_alpha=1.5)
    images = np.random.default_rng(0).integers(0, 256, (21, 40, 40, 3), dtype=np.uint8)
    trainer = Trainer(config, PackedImages(images), torch.device("cpu"))
    encoder = trainer.encoder.double()
    for module in encoder.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0  # freeze the statistics of a batch: those of a new network leave all in one point
    encoder(torch.randn(16, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    encoder.eval()
    if processes.count > 1:  # by hand: DDP must not find out later that the weights have become float64
        trainer.processes = processes
        trainer.model = torch.nn.parallel.DistributedDataParallel(trainer.model)
    views, gradients, losses = [], [], []
    for step in range(10):
        x, y = trainer.views(step)
        views.append(torch.stack([x, y]))
        losses.append(trainer.update(x.double(), y.double())["loss"])
        gradients.append([p.grad.clone() for p in trainer.encoder.parameters()])
    weights = trainer.encoder.state_dict()
    torch.save({"views": views, "gradients": gradients, "losses": losses, "weights": weights}, output)
"""
RANK = STEPS + """
torch.set_num_threads(1)
with Processes.join(torch.device("cpu")) as processes:
    take_steps(processes, sys.argv[1], f"{sys.argv[2]}/{processes.rank}.pth")
"""


def together(arguments: list[object], count: int = 2, **environment: str) -> list[subprocess.Popen]:
    """Start `count` processes as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1",
              "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), **environment}
    return [subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env={**shared, "RANK": str(i), "LOCAL_RANK": str(i)})
            for i in range(count)]


def outputs(processes: list[subprocess.Popen]) -> list[str]:
    """What they print, once all have ended well."""
    said = [process.communicate(timeout=180) for process in processes]
    assert all(process.returncode == 0 for process in processes), said
    return [out for out, _ in said]


@pytest.mark.parametrize("loss", ["align-uniform", "nt-xent"])
def test_two_processes_are_one(loss, tmp_path):
    """Gradients to 1e-10 at every step, identical views, equal weights after ten steps."""
    outputs(together(["-c", RANK, loss, tmp_path]))
    space: dict[str, object] = {}
    exec(STEPS, space)
    space["take_steps"](ALONE, loss, tmp_path / "alone.pth")
    alone, first, second = (load_torch(tmp_path / f"{name}.pth") for name in ("alone", "0", "1"))
    for step in range(10):
        assert torch.equal(torch.cat([first["views"][step], second["views"][step]], dim=1), alone["views"][step])
        assert first["losses"][step] == pytest.approx(alone["losses"][step], abs=1e-10)
        for expected, a, b in zip(alone["gradients"][step], first["gradients"][step], second["gradients"][step],
                                  strict=True):
            assert torch.equal(a, b)
            torch.testing.assert_close(a, expected, rtol=1e-10, atol=1e-10)
    assert any(gradient.abs().max() > 1e-3 for gradient in alone["gradients"][0])
    for name, weight in alone["weights"].items():
        torch.testing.assert_close(first["weights"][name], weight, rtol=1e-9, atol=1e-10)
        assert torch.equal(first["weights"][name], second["weights"][name])


def test_shares_are_the_batch():
    indices = np.arange(100, 111)
    shares = [Processes(rank, 4).share(indices) for rank in range(4)]
    assert [len(share) for share in shares] == [3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(shares), indices)
    assert ALONE.any(True) and not ALONE.any(False)


def command(folder: Path, output: Path, steps: int = 6) -> list[object]:
    return ["-m", "train_align_uniform", "--data", folder, "--output", output, "--gpus", "--precision", "float32",
            "--width", 1 / 32, "--batch_size", 8, "--steps", steps, "--lr", 0.05]


def test_the_command_writes_once_and_does_nothing_again(image_folder, tmp_path):
    out = outputs(together(command(image_folder, tmp_path / "run")))
    assert "6 steps of 8 on 2 × " in out[0] and "encoder.pth: 6 steps" in out[0]
    assert "steps" not in out[1]  # either may have packed the images
    run = RunFolder(tmp_path / "run")
    assert [line["step"] for line in run.metrics()] == [1, 2, 3, 4, 5, 6]
    assert json.loads((run.path / "environment.json").read_text())["processes"] == 2
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.pth")}
    again = outputs(together(command(image_folder, tmp_path / "run")))
    assert "encoder.pth: 6 steps" in again[0]
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*.pth")} == before


@pytest.mark.slow
def test_a_signal_to_one_stops_all_and_they_resume_exactly(image_folder, tmp_path, assert_same_run):
    """SIGTERM reaches only the process that writes nothing; both save and end, and then go on as if nothing was."""
    outputs(together(command(image_folder, tmp_path / "whole", 300)))
    processes = together(command(image_folder, tmp_path / "stopped", 300))
    log = tmp_path / "stopped" / "metrics.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < 5:
        assert all(process.poll() is None for process in processes)
    processes[1].terminate()
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [143, 143], said
    assert "run the same command to go on" in said[0][0]
    assert not (tmp_path / "stopped" / "done.json").exists()
    outputs(together(command(image_folder, tmp_path / "stopped", 300)))
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_batch_too_small_for_the_processes(image_folder, tmp_path):
    arguments = [*command(image_folder, tmp_path / "run"), "--batch_size", "3"]  # 22 images: the last batch is of one
    for process in together(arguments):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1 and err.count("error: ") == 1
    images = np.zeros((22, 40, 40, 3), np.uint8)
    with pytest.raises(Exception, match="fewer than two images for each of 4 processes"):
        Trainer(Config(batch_size=8), PackedImages(images), CPU, processes=Processes(0, 4))
