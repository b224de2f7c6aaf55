"""The loop with a toy learner that knows nothing but `training/`: it trains, saves, resumes, and stops when told to."""

import functools
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from models.checkpoint import load_torch, save_torch
from tests.files import user_error
from training import loop
from training.loop import train
from training.schedule import SaveClock
from utils.files import sha256
from utils.run_folder import RunFolder

from .toy import Toy

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture
def save_always(monkeypatch):
    """A checkpoint after every step."""
    monkeypatch.setattr(loop, "SaveClock", functools.partial(SaveClock, share=1e9, every=0.0))


def fit(folder: Path, learner: Toy | None = None) -> int:
    with RunFolder.open(folder, {}) as run:
        return train(learner or Toy(), run)


class PowerCut(Exception):
    pass


class Cut(Toy):
    """Something happens before step `number`, counted from 1."""

    def __init__(self, number: int, what=None):
        super().__init__()
        self.number, self.what = number, what

    def step(self, number: int) -> dict[str, torch.Tensor]:
        if number + 1 == self.number:
            if self.what is None:
                raise PowerCut
            self.what(self)
        return super().step(number)


def test_a_run_learns_and_ends_with_an_export_and_a_record(tmp_path):
    assert fit(tmp_path) == 0
    lines = RunFolder(tmp_path).metrics()
    assert [line["step"] for line in lines] == list(range(1, 41))
    assert lines[-1]["loss"] < 0.1 * lines[0]["loss"]
    assert RunFolder(tmp_path).done() == {"steps": 40, "seconds": pytest.approx(lines[-1]["seconds"], abs=0.06),
                                        "loss": lines[-1]["loss"],
                                        "encoder_sha256": sha256(tmp_path / "encoder.pth")}
    weights = load_torch(tmp_path / "encoder.pth")
    assert torch.equal(weights["weight"], load_torch(tmp_path / "last.pth")["map"]["weight"])


@pytest.mark.parametrize("stops", [[1], [2], [40], [2, 5, 6]])
def test_interrupted_and_resumed_is_uninterrupted(tmp_path, save_always, assert_same_run, stops):
    assert fit(tmp_path / "whole") == 0
    for stop in stops:
        with pytest.raises(PowerCut):
            fit(tmp_path / "parts", Cut(stop))
    assert fit(tmp_path / "parts") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_what_was_logged_after_the_last_checkpoint_is_not_doubled(tmp_path, monkeypatch, assert_same_run):
    assert fit(tmp_path / "whole") == 0
    clock = SaveClock(0.0, 0.0)
    with monkeypatch.context() as patch:  # one checkpoint, after step 2; then cut in step 6
        patch.setattr(loop, "SaveClock", lambda start, cost: clock)
        patch.setattr(clock, "due", lambda now: len(RunFolder(tmp_path / "parts").metrics()) == 2)
        with pytest.raises(PowerCut):
            fit(tmp_path / "parts", Cut(6))
    assert load_torch(tmp_path / "parts" / "last.pth")["step"] == 2
    assert len(RunFolder(tmp_path / "parts").metrics()) == 5 and fit(tmp_path / "parts") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


STOPPING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture
def hang_up():
    """SIGHUP as it is without nohup, under which the tests may run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_finishes_the_step_saves_and_gives_the_handlers_back(hang_up, tmp_path, assert_same_run, number):
    before = [signal.getsignal(n) for n in STOPPING]
    assert fit(tmp_path / "parts", Cut(3, lambda learner: os.kill(os.getpid(), number))) == 128 + number
    assert load_torch(tmp_path / "parts" / "last.pth")["step"] == 3
    assert not (tmp_path / "parts" / "encoder.pth").exists()
    assert [signal.getsignal(n) for n in STOPPING] == before
    assert fit(tmp_path / "parts") == fit(tmp_path / "whole") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_hang_up_that_nohup_ignores_stops_nothing(hang_up, tmp_path):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert fit(tmp_path, Cut(3, lambda learner: os.kill(os.getpid(), signal.SIGHUP))) == 0


def spoil_gradient(learner: Toy) -> None:
    learner.map.weight.register_hook(lambda gradient: gradient * float("inf"))


def spoil_loss(learner: Toy) -> None:
    learner.map.register_forward_hook(lambda module, inputs, output: output * float("nan"))


@pytest.mark.parametrize(("spoil", "said"), [
    (spoil_loss, r"the loss became nan at step 4; .* Lower --lr \(now 0.1\)"),
    (spoil_gradient, "the gradient became (inf|nan) at step 4")])
def test_a_bad_loss_or_gradient_changes_nothing(tmp_path, save_always, spoil, said):
    learner = Cut(4, spoil)
    user_error(said, fit, tmp_path, learner)
    last = load_torch(tmp_path / "last.pth")
    assert last["step"] == 3 and torch.equal(last["map"]["weight"], learner.map.weight)
    assert not (tmp_path / "encoder.pth").exists() and RunFolder(tmp_path).done() is None
    assert len(RunFolder(tmp_path).metrics()) == 3


@pytest.mark.parametrize("steps", [1, 40])  # saved at the end, and meanwhile
def test_weights_that_explode_are_not_saved(tmp_path, save_always, steps):
    learner = Cut(1, lambda learner: learner.map.weight.data.fill_(1e30))
    learner.total_steps = steps
    learner.update.options = learner.update.options.__class__(lr=0.0)
    learner.map.register_forward_hook(lambda module, inputs, output: output * 0)
    user_error("the norm of the weights became inf at step 1", fit, tmp_path, learner)
    assert not (tmp_path / "last.pth").exists() and not (tmp_path / "encoder.pth").exists()


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path, save_always):
    fit(tmp_path)
    last = tmp_path / "last.pth"
    whole = last.read_bytes()
    save_torch({**load_torch(last), "map": {"weight": torch.ones(5, 5), "bias": torch.ones(5)}}, tmp_path / "wide.pth")
    for damaged in (whole[: len(whole) // 2], b"", (tmp_path / "encoder.pth").read_bytes(),
                    (tmp_path / "wide.pth").read_bytes()):
        last.write_bytes(damaged)
        user_error(r"last\.pth is not a (complete checkpoint|checkpoint of this run)", fit, tmp_path)
        assert last.read_bytes() == damaged


def finished(processes: list[subprocess.Popen], codes: list[int]) -> list[tuple[str, str]]:
    """What they print, once all have ended, with these codes."""
    said = [process.communicate(timeout=180) for process in processes]
    assert [process.returncode for process in processes] == codes, said
    return said


def wait_for_steps(folder: Path, processes: list[subprocess.Popen], steps: int = 2) -> None:
    log = folder / "metrics.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < steps:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def test_two_processes_are_one_stop_together_and_resume_exactly(tmp_path, together, assert_same_run):
    """SIGTERM reaches only the process that writes nothing."""
    assert fit(tmp_path / "alone") == 0
    finished(together([TOY, tmp_path / "whole"]), [0, 0])
    alone, whole = (load_torch(tmp_path / name / "encoder.pth") for name in ("alone", "whole"))
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)

    processes = together([TOY, tmp_path / "parts", 0.1])
    wait_for_steps(tmp_path / "parts", processes)
    processes[1].terminate()
    said = finished(processes, [143, 143])
    assert re.search(r"stopped at step \d+ of 40 and saved", said[0][0])
    assert load_torch(tmp_path / "parts" / "last.pth")["step"] < 40
    finished(together([TOY, tmp_path / "parts"]), [0, 0])
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_kill_of_one_ends_both(tmp_path, together):
    processes = together([TOY, tmp_path / "killed", 0.1])
    wait_for_steps(tmp_path / "killed", processes)
    processes[0].kill()
    _, err = processes[1].communicate(timeout=60)
    assert processes[1].returncode == 1 and "error: the connection to another process was lost" in err
