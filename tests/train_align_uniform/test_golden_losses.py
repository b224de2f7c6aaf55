"""Twenty training steps give the losses that they gave when these were written down.

Rounding that differs between processors grows from step to step: with a Zen CPU's AVX2 kernels, with ATen's plain ones
and with oneDNN's SSE 4.1 ones, losses differed by at most 0.0009 here. A recipe that differs does so by far more.
"""

import numpy as np
import pytest
import torch

from train_align_uniform.learner import AlignUniform, Options
from training.images.streams import PackedImages

LOSSES = {
    "align-uniform": [
        -1.62120, -1.55027, -1.58130, -1.54402, -1.52931, -1.52862, -1.65960, -1.72106, -1.68078, -1.77653,
        -1.83249, -1.70550, -1.79437, -1.87417, -1.67811, -1.69005, -1.71083, -1.77640, -1.84607, -1.67424
    ],
    "nt-xent": [
        2.92950, 2.96391, 2.91930, 2.97347, 3.03183, 3.02406, 2.95371, 2.88100, 2.97525, 2.92205, 2.88268, 2.98264,
        2.92690, 2.84678, 3.03627, 3.01774, 2.99194, 2.97715, 2.87903, 3.03877]}


def losses(**changes: object) -> list[float]:
    images = np.random.default_rng(0).integers(0, 256, (22, 5, 5, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    recipe = {"batch_size": 11, "steps": 20, "width": 1 / 16, "optimizer": "adamw", "lr": 5e-5, "warmup_steps": 5,
              "cosine": True, **changes}
    learner = AlignUniform(Options(**recipe), PackedImages(images), torch.device("cpu"))
    return [learner.step(step)["loss"].item() for step in range(20)]


@pytest.mark.parametrize("loss", LOSSES)
def test_twenty_steps(loss):
    found = losses(loss=loss)
    assert found[:3] == pytest.approx(LOSSES[loss][:3], abs=2e-5)
    assert found == pytest.approx(LOSSES[loss], abs=5e-3)


def test_another_recipe_is_noticed():
    for changes in ({"seed": 1}, {"warmup_steps": 4}, {"cosine": False}, {"batch_norm": "joint"}):
        assert losses(**changes) != pytest.approx(LOSSES["align-uniform"], abs=5e-3), changes
