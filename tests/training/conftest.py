"""The command in this process or in one of its own, and two runs compared down to the bit."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.checkpoint import load_torch
from train_align_uniform.__main__ import main
from utils.cli import run
from utils.run_folder import RunFolder

TIMES = {"seconds", "images_per_s"}

# The command with a checkpoint after every step; step `sys.argv[1]` says "ready" and waits for a line.
DRIVER = """
import sys
from train_align_uniform import loop, trainer
from train_align_uniform.__main__ import main
from train_align_uniform.schedule import SaveClock
from utils.cli import run

stop, sys.argv = int(sys.argv[1]), sys.argv[1:]
loop.SaveClock = lambda start, cost: SaveClock(start, cost, share=1e9, every=0.0)
update = trainer.Trainer.update

def halting(self, x, y):
    if self.step + 1 == stop:
        print("ready", flush=True)
        sys.stdin.readline()
    return update(self, x, y)

trainer.Trainer.update = halting
run(main)
"""


def flatten(value: object, name: str = "") -> dict[str, object]:
    """Nested dicts and lists as one dict from path to leaf."""
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flatten(item, f"{name}/{key}").items()}
    if isinstance(value, list):
        return flatten(dict(enumerate(value)), name)
    return {name: value}


def metrics(folder: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name not in TIMES} for line in RunFolder(folder).metrics()]


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
        assert shown[0].keys() == {"loss", "align", "uniform", "lr", "images_per_s"}
        for name in shown[0].keys() - TIMES:
            assert shown[0][name] == shown[1][name], name
        for curve in shown:
            assert [step for step, _ in curve["images_per_s"]] == [line["step"] for line in metrics(a)]
        assert (a / "encoder.pth").read_bytes() == (b / "encoder.pth").read_bytes()
        states = [flatten(load_torch(folder / "last.pth")) for folder in (a, b)]
        assert states[0].keys() == states[1].keys()
        for name, value in states[0].items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, states[1][name]), name
            elif name.strip("/") not in TIMES:
                assert value == states[1][name], name

    return compare


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs `python -m train_align_uniform *arguments` in this process: (exit code, stdout, stderr)."""
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["train_align_uniform", *map(str, arguments)])
        with pytest.raises(SystemExit) as info:
            run(main)
        return info.value.code, *capsys.readouterr()

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
    """Starts the command in a process of its own, with a checkpoint after every step, halted before step `stop`; the
    code `first` runs before it."""
    def call(stop: int, *arguments: object, first: str = "") -> subprocess.Popen:
        process = start(["-c", first + DRIVER, stop, *arguments], stdin=subprocess.PIPE)
        while stop and process.stdout.readline() != "ready\n":
            assert process.poll() is None, process.stderr.read()
        return process

    return call


@pytest.fixture
def rendering_child() -> Callable[[int], int]:
    """The worker of a process: that of its children whose command line says spawn_main."""
    def find(pid: int) -> int:
        listing = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True,
                                 check=True)
        (child,) = [line.split()[0] for line in listing.stdout.splitlines() if "spawn_main" in line]
        return int(child)

    return find
