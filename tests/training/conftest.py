"""The command in this process or in one of its own, and two runs compared down to the bit."""

import io
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.checkpoint import load_torch
from train_align_uniform.__main__ import TRAINER
from training.command import command as train_command
from utils.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
TIMES = {"seconds", "images_per_s"}

DRIVER = Path(__file__).with_name("driver.py")


def metrics(folder: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name not in TIMES} for line in RunFolder(folder).metrics()]


def checkpoint(folder: Path) -> bytes:
    """What a resume takes up, but for the time it took."""
    state, file = load_torch(folder / "last.pth"), io.BytesIO()
    torch.save({**state, "seconds": 0.0}, file)
    return file.getvalue()


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows. Its file names order starts by the second, which tests are too quick for."""
    with TemporaryDirectory() as ordered:
        files = sorted((folder / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for i, path in enumerate(files):
            shutil.copy(path, Path(ordered) / f"{i:04d}.tfevents")
        board = EventAccumulator(ordered)
        board.Reload()
        return {name: [(event.step, event.value) for event in board.Scalars(name)] for name in board.Tags()["scalars"]}


@pytest.fixture
def assert_same_run() -> Callable[[Path, Path], None]:
    """Two finished run folders hold the same weights, optimiser, encoder, metrics and curves; only times differ."""
    def compare(a: Path, b: Path) -> None:
        assert metrics(a) == metrics(b)
        assert [line["step"] for line in metrics(a)] == list(range(1, len(metrics(a)) + 1))
        shown = [curves(folder) for folder in (a, b)]
        assert shown[0].keys() == shown[1].keys() and "loss" in shown[0]
        for name in shown[0].keys() - TIMES:
            assert shown[0][name] == shown[1][name], name
        for curve in shown:
            assert [step for step, _ in curve["loss"]] == [line["step"] for line in metrics(a)]
        assert (a / "encoder.pth").read_bytes() == (b / "encoder.pth").read_bytes()
        assert checkpoint(a) == checkpoint(b)

    return compare


@pytest.fixture
def command(end) -> Callable[..., tuple[int, str, str]]:
    """Runs `python -m train_align_uniform *arguments` in this process: (exit code, stdout, stderr)."""
    return lambda *arguments: end(lambda: train_command(TRAINER, list(map(str, arguments))))


@pytest.fixture
def trained(command) -> Callable[..., str]:
    """Runs the command, which must end well and say nothing on stderr; returns its stdout."""
    def call(*arguments: object) -> str:
        code, out, err = command(*arguments)
        assert (code, err) == (0, "")
        return out

    return call


@pytest.fixture
def refused(command) -> Callable[..., None]:
    """Runs the command, which must end with exit code 1 and one line on stderr that says `said`."""
    def call(said: str, *arguments: object) -> None:
        code, _, err = command(*arguments)
        assert code == 1
        assert err.startswith("error: ") and err.count("\n") == 1
        assert said in err

    return call


@pytest.fixture
def launch(start) -> Callable[..., subprocess.Popen]:
    """Starts the command in a process of its own, to which `what` happens (`driver`); waits where it halts."""
    def call(what: str, *arguments: object) -> subprocess.Popen:
        process = start([DRIVER, what, *arguments], stdin=subprocess.PIPE)
        while "halt" in what and process.stdout.readline() != "ready\n":
            assert process.poll() is None, process.stderr.read()
        return process

    return call


@pytest.fixture(scope="module")
def together() -> Iterator[Callable[..., list[subprocess.Popen]]]:
    """Starts two processes as torchrun does; what still runs in the end is killed."""
    started: list[subprocess.Popen] = []

    def call(arguments: list[object], **environment: str) -> list[subprocess.Popen]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        shared = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1",
                  "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", **environment}
        processes = [subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in (0, 1)]
        started.extend(processes)
        return processes

    yield call
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def rendering_child() -> Callable[[int], int]:
    """The worker of a process: that of its children whose command line says spawn_main."""
    def find(pid: int) -> int:
        listing = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True,
                                 check=True)
        (child,) = [line.split()[0] for line in listing.stdout.splitlines() if "spawn_main" in line]
        return int(child)

    return find
