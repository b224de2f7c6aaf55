"""Two processes on CPUs (gloo) against one: the same gradient, the same views, the same weights.

As a command this file is one of the processes: python test_distributed.py FOLDER
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_torch
from train_align_uniform.learner import AlignUniform, Options
from training.distributed import ALONE, Processes
from training.images.streams import PackedImages
from utils.cli import UserError
from utils.run_folder import RunFolder

CPU = torch.device("cpu")
DRIVER = Path(__file__).with_name("driver.py")


LOSSES = ("align-uniform", "nt-xent")


def take_steps(processes: Processes, loss: str, output: Path) -> None:
    """Ten steps in float64 with frozen BatchNorm, on batches of 7 that two processes share unevenly."""
    options = Options(batch_size=7, steps=10, width=1 / 32, lr=0.05, loss=loss, align_alpha=1.5)
    images = np.random.default_rng(0).integers(0, 256, (21, 40, 40, 3), dtype=np.uint8)
    learner = AlignUniform(options, PackedImages(images), CPU)
    encoder = learner.encoder.double()
    for module in encoder.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0  # freeze the statistics of a batch: those of a new network leave all in one point
    encoder(torch.randn(16, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    encoder.eval()
    if processes.count > 1:  # by hand: DDP must not find out later that the weights have become float64
        learner.processes = learner.pairs.processes = processes
        learner.model = torch.nn.parallel.DistributedDataParallel(learner.model)
    views, gradients, losses = [], [], []
    made = learner.pairs.views

    def in_float64(step: int):
        pair = made(step)
        views.append(torch.stack([pair.x, pair.y]))
        return pair._replace(x=pair.x.double(), y=pair.y.double())

    learner.pairs.views = in_float64
    for step in range(10):
        losses.append(learner.step(step)["loss"].item())
        gradients.append([p.grad.clone() for p in encoder.parameters()])
    torch.save({"views": views, "gradients": gradients, "losses": losses, "weights": encoder.state_dict()}, output)


def sum_gathered(processes: Processes, output: Path) -> None:
    """The gradients of two gathers whose sum is used, and what they should be."""
    x, y = (torch.full((2, 3), float(k), requires_grad=True) for k in (1, 2))
    weights = torch.arange(12.0).view(4, 3)
    ((processes.gather(x, 4) + processes.gather(y, 4)) * weights).sum().backward()
    torch.save([x.grad, y.grad, 2 * weights[2 * processes.rank :][:2]], output)


def ended(processes: list[subprocess.Popen], code: int = 0) -> list[tuple[str, str]]:
    """What they print, once all have ended with `code`."""
    said = [process.communicate(timeout=180) for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), said
    return said


def errors(processes: list[subprocess.Popen]) -> list[str]:
    """What they say is wrong, a line each."""
    said = [err for _, err in ended(processes, 1)]
    lines = [[line for line in text.splitlines() if line.startswith("error: ")] for text in said]
    assert all(len(line) == 1 for line in lines) and not any("Traceback" in text for text in said), said
    return [line for (line,) in lines]


@pytest.fixture(scope="module")
def shared(together, tmp_path_factory) -> Path:
    """What two processes computed."""
    folder = tmp_path_factory.mktemp("shared")
    ended(together([__file__, folder]))
    return folder


@pytest.mark.parametrize("loss", LOSSES)
def test_two_processes_are_one(loss, tmp_path, shared):
    """Gradients to 1e-10 at every step, identical views, equal weights after ten steps."""
    take_steps(ALONE, loss, tmp_path / "alone.pth")
    alone = load_torch(tmp_path / "alone.pth")
    first, second = (load_torch(shared / f"{loss}-{rank}.pth") for rank in (0, 1))
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


def test_a_gradient_that_autograd_shares_is_left_alone(shared):
    """Both gathers of zx + zy get one tensor as their gradient: each process asks for it once, so together twice."""
    for rank in (0, 1):
        x, y, expected = load_torch(shared / f"sum-{rank}.pth")
        assert torch.equal(x, expected) and torch.equal(y, expected)


def test_shares_are_the_batch():
    indices = np.arange(100, 111)
    shares = [Processes(rank, 4).share(indices) for rank in range(4)]
    assert [len(share) for share in shares] == [3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(shares), indices)
    assert ALONE.agree(stop=True) and not ALONE.agree() and ALONE.most(0.5) == 0.5
    with pytest.raises(ZeroDivisionError), ALONE.as_one():
        raise ZeroDivisionError


def command(folder: Path | str, output: Path, steps: int = 6, what: str = "-") -> list[object]:
    return [DRIVER, what, "--data", folder, "--output", output, "--gpus", "--precision", "float32", "--width", 1 / 32,
            "--batch_size", 8, "--steps", steps, "--lr", 0.05]


def test_the_command_writes_once_and_does_nothing_again(image_folder, tmp_path, together):
    (out, _), (other, _) = ended(together(command(image_folder, tmp_path / "run")))
    assert "6 steps of 8 on 2 × " in out and "encoder.pth: 6 steps" in out
    assert "steps" not in other  # either may have packed the images
    run = RunFolder(tmp_path / "run")
    assert [line["step"] for line in run.metrics()] == [1, 2, 3, 4, 5, 6]
    assert json.loads((run.path / "environment.json").read_text())["processes"] == 2
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.pth")}
    assert "encoder.pth: 6 steps" in ended(together(command(image_folder, run.path)))[0][0]
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*.pth")} == before
    (run.path / "done.json").unlink()
    for line in errors(together(command(image_folder, run.path, what="lost=1"))):
        assert re.search("must be the same in all processes; between process 0 and 1, .*step was 6, now 0", line)


@pytest.mark.parametrize(("what", "rank", "other"), [
    ("step", 1, "the connection to another process was lost"), ("export", 0, "another process ended with an error")])
def test_an_error_in_one_ends_all(image_folder, tmp_path, together, what, rank, other):
    """Between two agreements, and in work that one does while the others wait."""
    said = errors(together(command(image_folder, tmp_path / "run", 3, f"fail={what}@{rank}")))
    assert said[rank] == "error: no images" and said[1 - rank].startswith(f"error: {other}")


def test_a_killed_worker_of_one_process_ends_all(rendering_child, tmp_path, together):
    processes = together([*command("dead_leaves-mixed", tmp_path / "run", 10_000, "near=8"), "--workers", 1,
                          "--parameters", "resolution=40"])
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    os.kill(rendering_child(processes[1].pid), signal.SIGKILL)
    said = errors(processes)
    assert re.match("error: the connection to another process was lost", said[0])
    assert re.match("error: a worker process was killed, ", said[1])


@pytest.mark.slow
def test_processes_with_other_options(image_folder, tmp_path, together):
    for line in errors(together(command(image_folder, tmp_path / "run", what="other=steps@1"))):
        assert line == ("error: options and images must be the same in all processes; between process 0 and 1, steps "
                        "was 6, now 3")


@pytest.mark.parametrize(("variables", "said"), [
    ({"RANK": "abc"}, "RANK must be a whole number from 0 on and below 2, not 'abc'"),
    ({"RANK": None}, "RANK must be a whole number from 0 on and below 2, not ''"),
    ({"WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number from 1 on, not 'two'"),
    ({"LOCAL_RANK": "-1"}, "LOCAL_RANK must be a whole number from 0 on and below 2"),
    ({"MASTER_PORT": "99999"}, "MASTER_PORT must be a whole number from 1 on and below 65536"),
    ({"MASTER_ADDR": None}, "MASTER_ADDR is not set though WORLD_SIZE is: start with torchrun")])
def test_variables_that_make_no_sense(monkeypatch, variables, said):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1",
                        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", **variables}.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=said), Processes.join(CPU):
        pass
    monkeypatch.setenv("WORLD_SIZE", "1")
    with Processes.join(CPU) as processes:  # one process need not be told more
        assert processes.count == 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    with Processes.join(CPU) as here:
        for objective in LOSSES:
            take_steps(here, objective, folder / f"{objective}-{here.rank}.pth")
        sum_gathered(here, folder / f"sum-{here.rank}.pth")
