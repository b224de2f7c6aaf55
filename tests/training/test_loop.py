import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """22 images of coarse colour blocks: batches of 8, 8 and 6 make an epoch."""
    blocks = np.random.default_rng(0).integers(0, 256, (22, 5, 5, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(b).resize((40, 40), Image.Resampling.NEAREST)) for b in blocks])


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


def test_every_image_is_seen_once_an_epoch_in_an_order_of_its_own(images):
    trainer = Trainer(SMALL, PackedImages(images), CPU)
    epochs = []
    for epoch in range(3):
        batches = [trainer.order.batch(3 * epoch + i) for i in range(3)]
        assert [e for e, _ in batches] == [epoch] * 3
        assert [len(indices) for _, indices in batches] == [8, 8, 6]
        epochs.append(np.concatenate([indices for _, indices in batches]))
        assert np.array_equal(np.sort(epochs[-1]), np.arange(22))
    assert not np.array_equal(epochs[0], epochs[1])


def test_order_and_views_are_a_function_of_seed_and_step(images):
    first = Trainer(SMALL, PackedImages(images), CPU)
    in_order = [(first.order.batch(step)[1], first.views(step)) for step in range(7)]
    second = Trainer(SMALL, PackedImages(images), CPU)
    for step in (6, 0, 3, 2):
        assert np.array_equal(second.order.batch(step)[1], in_order[step][0])
        assert all(map(torch.equal, second.views(step), in_order[step][1]))
    x, y = in_order[0][1]
    assert x.shape == (8, 3, 64, 64) and x.dtype == torch.float32
    assert not torch.equal(x, y)
    other = Trainer(dataclasses.replace(SMALL, seed=1), PackedImages(images), CPU)
    assert not np.array_equal(other.order.batch(0)[1], in_order[0][0])


@pytest.mark.parametrize(("count", "batch_size", "said"), [
    (22, 1, "at least 2"), (22, 23, "22 images are fewer than one batch of 23"), (22, 7, "a last batch of one image"),
    (22, 3, "a last batch of one image")])
def test_sizes_that_cannot_be_trained_on(images, count, batch_size, said):
    with pytest.raises(UserError, match=said):
        Trainer(dataclasses.replace(SMALL, batch_size=batch_size), PackedImages(images[:count]), CPU)


def test_training_learns(images, tmp_path):
    train(images, tmp_path, dataclasses.replace(SMALL, batch_size=22, steps=30, lr=0.1, cosine=True, width=1 / 16))
    losses = [line["loss"] for line in RunFolder(tmp_path).metrics()]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def test_a_step_is_the_published_recipe(images):
    """Two steps against torch's own SGD, written out."""
    config = dataclasses.replace(SMALL, warmup_steps=0)
    trainer, reference = Trainer(config, PackedImages(images), CPU), Trainer(config, PackedImages(images), CPU)
    model = reference.encoder
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for step in range(2):
        trainer.train_step()
        x, y = reference.views(step)
        zx = model(x)
        kept = {name: value.clone() for name, value in model.named_buffers()}
        zy = model(y)
        loss = ((zx - zy).norm(dim=1) ** 2).mean() + sum(
            torch.pdist(z).pow(2).mul(-2).exp().mean().log() for z in (zx, zy)) / 2
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        model.load_state_dict(kept, strict=False)
    for name, value in trainer.encoder.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda images: np.broadcast_to(images[:, :1, :1], images.shape), "of one colour, from which nothing"),
    (lambda images: np.broadcast_to(images[:1], images.shape), "one image many times, from which nothing"),
    (lambda images: np.clip(images[:1] // 2 + np.arange(len(images))[:, None, None, None] % 2, 0, 255).astype(np.uint8),
     "one image many times"),
])
def test_images_that_teach_nothing_are_refused(images, spoil, said):
    with pytest.raises(UserError, match=said):
        Trainer(SMALL, PackedImages(spoil(images)), CPU)
    mixed = spoil(images).copy()
    mixed[-1] = images[-1]  # one image that differs is enough
    Trainer(SMALL, PackedImages(mixed), CPU)


def test_embeddings_off_the_sphere_or_in_one_point_stop_the_run(images):
    trainer = Trainer(SMALL, PackedImages(images), CPU)
    linear, norm = trainer.encoder.blocks[7]
    trainer.encoder.blocks[7][1] = torch.nn.Identity()
    before = {name: value.clone() for name, value in trainer.encoder.named_parameters()}
    with pytest.raises(UserError, match="away from 1 at step 1; the encoder must end in L2Norm"):
        trainer.train_step()
    trainer.encoder.blocks[7][1] = norm
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(1)
    with pytest.raises(UserError, match="all embeddings are one point at step 1"):
        trainer.train_step()
    for name, value in trainer.encoder.named_parameters():
        assert torch.equal(value, before[name]) or name.startswith("blocks.7.0")
