"""Two processes on CPUs (gloo) against one: the same gradient, the same views, the same weights."""

import json
import os
import re
import signal
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
from utils.cli import UserError
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


SUM = """
import sys, torch
from train_align_uniform.distributed import Processes
with Processes.join(torch.device("cpu")) as processes:
    x, y = (torch.full((2, 3), float(k), requires_grad=True) for k in (1, 2))
    weights = torch.arange(12.0).view(4, 3)
    ((processes.gather(x, 4) + processes.gather(y, 4)) * weights).sum().backward()
    torch.save([x.grad, y.grad, 2 * weights[2 * processes.rank :][:2]], f"{sys.argv[1]}/{processes.rank}.pth")
"""


def test_a_gradient_that_autograd_shares_is_left_alone(tmp_path):
    """Both gathers of zx + zy get one tensor as their gradient: each process asks for it once, so together twice."""
    outputs(together(["-c", SUM, tmp_path]))
    for rank in (0, 1):
        x, y, expected = load_torch(tmp_path / f"{rank}.pth")
        assert torch.equal(x, expected) and torch.equal(y, expected)


def test_shares_are_the_batch():
    indices = np.arange(100, 111)
    shares = [Processes(rank, 4).share(indices) for rank in range(4)]
    assert [len(share) for share in shares] == [3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(shares), indices)
    assert ALONE.agree(stop=True) and not ALONE.agree()
    with pytest.raises(ZeroDivisionError), ALONE.as_one():
        raise ZeroDivisionError


def command(folder: Path | str, output: Path, steps: int = 6) -> list[object]:
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


def errors(processes: list[subprocess.Popen]) -> list[str]:
    """What they say is wrong, a line each."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1] * len(processes), said
    lines = [[line for line in text.splitlines() if line.startswith("error: ")] for text in said]
    assert all(len(line) == 1 for line in lines) and not any("Traceback" in text for text in said), said
    return [line for (line,) in lines]


FAILS = """
import os, sys
from train_align_uniform import trainer
from train_align_uniform.__main__ import main
from utils.cli import UserError, run

what, rank, sys.argv = sys.argv[1], sys.argv[2], sys.argv[2:]
method = getattr(trainer.Trainer, what)

def fails(self, *arguments):
    if self.step == 2 and os.environ["RANK"] == rank:
        raise UserError("no images")
    return method(self, *arguments)

setattr(trainer.Trainer, what, fails)
run(main)
"""


@pytest.mark.parametrize(("what", "rank"), [("views", 1), ("save", 0), pytest.param("views", 0, marks=pytest.mark.slow),
                                            pytest.param("update", 1, marks=pytest.mark.slow)])
def test_an_error_in_one_ends_all(image_folder, tmp_path, what, rank):
    """Before a step, within it, and after the last one: none waits for the other for ever."""
    arguments = command(image_folder, tmp_path / "run", 2 if what == "save" else 3)[2:]
    said = errors(together(["-c", FAILS, what, rank, *arguments]))
    assert said[rank] == "error: no images"
    assert said[1 - rank].startswith("error: " + ("the connection to another process was lost" if what == "update" else
                                                  "another process ended with an error"))


def test_a_killed_worker_of_one_process_ends_all(rendering_child, tmp_path):
    arguments = command("dead_leaves-mixed", tmp_path / "run", 10_000)[2:]
    code = ("from train_align_uniform import images\nfrom train_align_uniform.__main__ import main, run\n"
            "images.UNDER_WAY, images.PART = 0, 8\nrun(main)")
    processes = together(["-c", code, *arguments, "--workers", 1, "--parameters", "resolution=40"])
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert all(process.poll() is None for process in processes)
    os.kill(rendering_child(processes[1].pid), signal.SIGKILL)
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], said
    assert re.fullmatch("error: another process ended with an error; .*\n", said[0])
    assert re.fullmatch("error: a worker process was killed, .*\n", said[1])


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all(image_folder, tmp_path):
    processes = together(command(image_folder, tmp_path / "run", 10_000))
    log = tmp_path / "run" / "metrics.jsonl"
    while not log.exists():
        assert all(process.poll() is None for process in processes)
    processes[1].kill()
    assert "the connection to another process was lost" in errors(processes[:1])[0]
    processes[1].communicate()


def test_processes_that_would_go_on_from_different_checkpoints(image_folder, tmp_path):
    """As on two machines whose folder of this name is not one: the second finds nothing."""
    outputs(together(command(image_folder, tmp_path / "run", 2)))
    (tmp_path / "run" / "done.json").unlink()
    code = ("import os, sys\nfrom train_align_uniform import loop\nfrom train_align_uniform.__main__ import main, run\n"
            "resume = loop.resume\n"
            "def elsewhere(trainer, run):\n"
            "    resume(trainer, loop.RunFolder(run.path / 'none' if trainer.processes.rank else run.path))\n"
            "loop.resume = elsewhere\nrun(main)")
    said = errors(together(["-c", code, *command(image_folder, tmp_path / "run", 2)[2:]]))
    for line in said:
        assert "must be the same in all processes; between process 0 and 1, sha256 was '" in line
        assert "step was 2, now 0" in line


@pytest.mark.slow
def test_processes_with_other_options(image_folder, tmp_path):
    code = ("import os, sys\nfrom train_align_uniform.__main__ import main, run\nif os.environ['RANK'] == '1':\n"
            "    sys.argv[sys.argv.index('--steps') + 1] = '3'\nrun(main)")
    for line in errors(together(["-c", code, *command(image_folder, tmp_path / "run", 2)[2:]])):
        assert line == ("error: options and images must be the same in all processes; between process 0 and 1, steps "
                        "was 2, now 3")


@pytest.mark.parametrize(("variables", "said"), [
    ({"RANK": "abc"}, "RANK must be a whole number from 0 on and below 2, not 'abc'"),
    ({"RANK": "2"}, "RANK must be a whole number from 0 on and below 2, not '2'"),
    ({"RANK": None}, "RANK must be a whole number from 0 on and below 2, not ''"),
    ({"WORLD_SIZE": "0"}, "WORLD_SIZE must be a whole number from 1 on, not '0'"),
    ({"WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number from 1 on, not 'two'"),
    ({"LOCAL_RANK": "-1"}, "LOCAL_RANK must be a whole number from 0 on and below 2"),
    ({"LOCAL_WORLD_SIZE": ""}, "LOCAL_WORLD_SIZE must be a whole number from 1 on"),
    ({"MASTER_PORT": "99999"}, "MASTER_PORT must be a whole number from 1 on and below 65536"),
    ({"MASTER_ADDR": None}, "MASTER_ADDR is not set though WORLD_SIZE is: start with torchrun"),
])
def test_variables_that_make_no_sense(monkeypatch, variables, said):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1",
                        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", **variables}.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=said), Processes.join(CPU):
        pass
    monkeypatch.setenv("WORLD_SIZE", "1")
    with Processes.join(CPU) as processes:  # one process need not be told more
        assert processes.count == 1


def test_a_batch_too_small_for_the_processes(image_folder, tmp_path):
    arguments = [*command(image_folder, tmp_path / "run"), "--batch_size", "3"]  # 22 images: the last batch is of one
    for process in together(arguments):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1 and err.count("error: ") == 1
    images = np.zeros((22, 40, 40, 3), np.uint8)
    with pytest.raises(Exception, match="fewer than two images for each of 4 processes"):
        Trainer(Config(batch_size=8), PackedImages(images), CPU, processes=Processes(0, 4))
