"""Runs to their end, and every way of not getting there: cuts, signals, losses that explode, damaged checkpoints."""

import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from models import load_encoder
from models.checkpoint import load_torch
from train_align_uniform import loop
from train_align_uniform.images import PackedImages
from train_align_uniform.loop import fit, stop_signals
from train_align_uniform.schedule import SaveClock
from train_align_uniform.trainer import Config, Trainer
from utils.cli import UserError
from utils.files import sha256
from utils.run_folder import RunFolder

CPU = torch.device("cpu")
SMALL = Config(batch_size=8, steps=7, width=1 / 32, momentum=0.9, warmup_steps=2, lr=0.05)


@pytest.fixture
def save_always(monkeypatch):
    """A checkpoint after every step."""
    monkeypatch.setattr(loop, "SaveClock", lambda start, cost: SaveClock(start, cost, share=1e9, every=0.0))


def train(images: np.ndarray, folder: Path, config: Config = SMALL) -> int:
    with RunFolder.open(folder, dataclasses.asdict(config)) as run:
        return fit(Trainer(config, PackedImages(images), CPU), run)


class PowerCut(Exception):
    pass


def cut_before_step(monkeypatch, number: int) -> None:
    """Step `number`, counted from 1, of any trainer raises, and nothing is saved on the way out."""
    update = Trainer.update

    def cut(self, x, y):
        if self.step + 1 == number:
            raise PowerCut
        return update(self, x, y)

    monkeypatch.setattr(Trainer, "update", cut)


@pytest.mark.parametrize("stops", [[1], [2], [3], [4], [7], [2, 5, 6]])
def test_interrupted_and_resumed_is_uninterrupted(images, tmp_path, save_always, monkeypatch, assert_same_run, stops):
    assert train(images, tmp_path / "whole") == 0
    for stop in stops:
        with monkeypatch.context() as patch:
            cut_before_step(patch, stop)
            with pytest.raises(PowerCut):
                train(images, tmp_path / "parts")
    assert train(images, tmp_path / "parts") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_what_was_logged_after_the_last_checkpoint_is_not_doubled(images, tmp_path, monkeypatch, assert_same_run):
    assert train(images, tmp_path / "whole") == 0
    clock = SaveClock(0.0, 0.0)
    with monkeypatch.context() as patch:  # one checkpoint, after step 2; then cut in step 6
        patch.setattr(loop, "SaveClock", lambda start, cost: clock)
        patch.setattr(clock, "due", lambda now: len(RunFolder(tmp_path / "parts").metrics()) == 2)
        cut_before_step(patch, 6)
        with pytest.raises(PowerCut):
            train(images, tmp_path / "parts")
    assert load_torch(tmp_path / "parts" / "last.pth")["step"] == 2
    assert len(RunFolder(tmp_path / "parts").metrics()) == 5
    assert train(images, tmp_path / "parts") == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"batch_norm": "joint"}, {"cosine": True}])
def test_other_recipes_resume_too(images, tmp_path, save_always, monkeypatch, assert_same_run, changes):
    config = dataclasses.replace(SMALL, **changes)
    assert train(images, tmp_path / "whole", config) == 0
    with monkeypatch.context() as patch:
        cut_before_step(patch, 5)
        with pytest.raises(PowerCut):
            train(images, tmp_path / "parts", config)
    assert train(images, tmp_path / "parts", config) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_finishes_the_step_saves_and_gives_the_handlers_back(images, tmp_path, monkeypatch, number):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    update = Trainer.update

    def signalled(self, x, y):
        if self.step == 2:
            os.kill(os.getpid(), number)
        return update(self, x, y)

    monkeypatch.setattr(Trainer, "update", signalled)
    assert train(images, tmp_path) == 128 + number
    assert load_torch(tmp_path / "last.pth")["step"] == 3
    assert not (tmp_path / "encoder.pth").exists()
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before


def test_handlers_come_back_after_an_exception():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), stop_signals():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_ends_with_an_encoder_and_a_record(images, tmp_path):
    train(images, tmp_path)
    encoder, last = load_encoder(tmp_path / "encoder.pth"), load_torch(tmp_path / "last.pth")
    assert all(torch.equal(value, last["encoder"][name]) for name, value in encoder.state_dict().items())
    final = RunFolder(tmp_path).metrics()[-1]
    assert RunFolder(tmp_path).done() == {"steps": 7, "seconds": pytest.approx(final["seconds"], abs=0.06),
                                        **{name: final[name] for name in ("loss", "align", "uniform")},
                                        "encoder_sha256": sha256(tmp_path / "encoder.pth")}
    assert final["loss"] == pytest.approx(final["align"] + final["uniform"], rel=1e-5)
    assert [line["epoch"] for line in RunFolder(tmp_path).metrics()] == [0, 0, 0, 1, 1, 1, 2]


def poison_step(monkeypatch, number: int, what: str) -> None:
    """Make the views or a gradient of step `number` NaN or infinite."""
    if what == "views":
        views = Trainer.views
        monkeypatch.setattr(Trainer, "views", lambda self, step: [
            view * (float("nan") if step + 1 == number else 1.0) for view in views(self, step)])
    else:
        update = Trainer.update

        def poisoned(self, x, y):
            if self.step + 1 == number:
                self.encoder.blocks[0][0].weight.register_hook(lambda gradient: gradient * float("inf"))
            return update(self, x, y)

        monkeypatch.setattr(Trainer, "update", poisoned)


@pytest.mark.parametrize(("what", "said"), [("views", "the loss became nan at step 4"),
                                            ("gradient", "the gradient became (inf|nan) at step 4")])
def test_a_bad_loss_or_gradient_changes_nothing(images, tmp_path, save_always, monkeypatch, what, said):
    with monkeypatch.context() as patch:
        cut_before_step(patch, 4)
        with pytest.raises(PowerCut):
            train(images, tmp_path)
    before = (tmp_path / "last.pth").read_bytes()
    poison_step(monkeypatch, 4, what)
    run, trainer = RunFolder(tmp_path), Trainer(SMALL, PackedImages(images), CPU)
    with pytest.raises(UserError, match=said):
        fit(trainer, run)
    assert (tmp_path / "last.pth").read_bytes() == before
    assert not (tmp_path / "encoder.pth").exists() and run.done() is None
    assert len(run.metrics()) == 3
    state = load_torch(tmp_path / "last.pth")
    for name, parameter in trainer.encoder.named_parameters():
        assert torch.equal(parameter, state["encoder"][name])


@pytest.mark.parametrize("steps", [1, 6])
def test_weights_that_explode_are_not_saved(images, tmp_path, save_always, steps):
    with pytest.raises(UserError, match="the norm of the weights became inf at step 1"):
        train(images, tmp_path, dataclasses.replace(SMALL, lr=1e30, steps=steps, warmup_steps=0))
    assert not (tmp_path / "last.pth").exists() and not (tmp_path / "encoder.pth").exists()


def test_a_damaged_or_foreign_checkpoint_is_refused(images, tmp_path, save_always):
    train(images, tmp_path / "a")
    last = tmp_path / "a" / "last.pth"
    whole = last.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", (tmp_path / "a" / "encoder.pth").read_bytes()):
        last.write_bytes(damaged)
        with pytest.raises(UserError, match=r"a/last\.pth is not a (complete checkpoint|checkpoint of this run)"):
            train(images, tmp_path / "a")
        assert last.read_bytes() == damaged
    last.write_bytes(whole)
    with pytest.raises(UserError, match="is not a checkpoint of this run"):
        Trainer(dataclasses.replace(SMALL, width=1 / 16), PackedImages(images), CPU).restore(last)


def test_training_learns(images, tmp_path):
    train(images, tmp_path, dataclasses.replace(SMALL, batch_size=22, steps=30, lr=0.1, cosine=True, width=1 / 16))
    losses = [line["loss"] for line in RunFolder(tmp_path).metrics()]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5
