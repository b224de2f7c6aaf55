"""Where the time goes: phases that add up to the step, and work that is counted right."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from train_align_uniform.learner import AlignUniform, Options
from training.images.streams import PackedImages
from training.step_profile import PHASES, step_times, work

TINY = ["--gpus", "--precision", "float32", "--width", "0.03125", "--batch_size", "8", "--lr", "0.05"]
CPU = torch.device("cpu")


@pytest.fixture
def learner() -> AlignUniform:
    """Each of its epochs ends in a batch of 2, which does not count."""
    images = np.random.default_rng(0).integers(0, 256, (34, 40, 40, 3), dtype=np.uint8)
    return AlignUniform(Options(batch_size=16, steps=100, width=1 / 16), PackedImages(images), CPU)


def test_the_command_measures_and_writes_nothing(trained, image_folder, tmp_path):
    out = trained("--data", image_folder, "--output", tmp_path / "run", *TINY, "--profile", "2")
    assert not (tmp_path / "run").exists()
    rows = [line.split() for line in out[out.index("phase"):].splitlines()]
    assert [row[0] for row in rows[1:7]] == [*PHASES, "step"]
    assert "floor, arithmetic:" in out and "floor, memory:" in out


def test_phases_make_up_the_step(learner, monkeypatch):
    views = learner.pairs.views
    monkeypatch.setattr(learner.pairs, "views", lambda step: (time.sleep(0.05), views(step))[1])  # counts as data
    times = step_times(learner, 4)
    assert {len(values) for values in times.values()} == {4}
    for step, *phases in zip(times["step"], *(times[phase] for phase in PHASES), strict=True):
        assert 0.05 < sum(phases) <= step
    assert min(times["data"]) >= 0.05


def test_work_is_that_of_the_layers(learner):
    """Two operations a multiplication: once forward, twice backward, but the first layer has no gradient of its input;
    and at least what is kept between layers, twice."""
    forward, first = 0, 0

    def count(module, inputs, output):
        nonlocal forward, first
        weights = module.weight.numel() * (output.numel() // output.shape[1] if isinstance(module, nn.Conv2d) else 32)
        first = first or 2 * weights
        forward += 2 * weights

    hooks = [module.register_forward_hook(count) for module in learner.encoder.modules()
             if isinstance(module, (nn.Conv2d, nn.Linear))]
    learner.encoder(torch.cat(learner.pairs.views(0)[:2]))
    for hook in hooks:
        hook.remove()
    operations, size = work(learner)
    assert operations == pytest.approx(3 * forward - first, rel=0.01)  # and the products of the loss
    assert size > 4 * sum(p.numel() * 4 for p in learner.encoder.parameters())
