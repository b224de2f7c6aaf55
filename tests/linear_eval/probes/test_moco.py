"""Protocol `moco-linear`: its settings, and that it learns."""

import dataclasses

import numpy as np
import pytest
import torch

from linear_eval.features.baselines import raw_pixels
from linear_eval.features.frozen import View
from linear_eval.features.rows import Row
from linear_eval.probes import paper
from linear_eval.probes.moco import MOCO
from linear_eval.probes.paper import fit_linear, train_linear
from linear_eval.probes.protocols import PROTOCOLS, Problem
from tests.files import user_error

CPU = torch.device("cpu")


def test_the_published_settings(monkeypatch):
    """What reaches SGD and its schedule, over a hundred epochs of one batch."""
    rates = []

    class Sgd(torch.optim.SGD):
        def step(self, closure=None):
            group = self.param_groups[0]
            assert (group["momentum"], group["weight_decay"]) == (0.9, 0)
            rates.append(round(group["lr"], 9))
            if len(rates) == 1:
                weight, bias = group["params"]
                assert float(weight.detach().std()) == pytest.approx(0.01, rel=0.1) and not bias.any()
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "SGD", Sgd)
    x, y = torch.randn(20, 50) / 50, torch.arange(20) % 4
    fit_linear(lambda epoch: [(x, y)], 50, 10, 0, CPU, recipe=MOCO)
    assert rates == [30.0] * 60 + [3.0] * 20 + [0.3] * 20
    crop, flip = paper.random_crops(MOCO.size).transforms
    assert (crop.size, crop.scale, flip.p, MOCO.batch_size) == ((224, 224), (0.08, 1.0), 0.5, 256)


def test_it_learns(task):
    """On small crops, with two batches an epoch."""
    small = dataclasses.replace(MOCO, batch_size=64, size=64,
                                optimizer=lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.9))
    linear = train_linear(raw_pixels, task.train.paths, task.train.labels, 3, 0, CPU, epochs=20, recipe=small)
    predicted = linear(raw_pixels(torch.from_numpy(task.val.images()))).argmax(1)
    assert (predicted.numpy() == task.val.labels).mean() > 0.9


def test_crops_are_of_the_size_that_the_encoder_sees(task, monkeypatch):
    """Up to that of the protocol."""
    row = Row("small", lambda images: images.float().mean((1, 2)), {}, View(36, 32))
    seen = []
    monkeypatch.setattr(paper, "train_linear", lambda *rest, recipe, **more: seen.append(recipe.size))
    problem = Problem(row, task.train.paths[:2], torch.zeros(2), 2, None, 0, CPU)
    for name, larger in (("paper", 224), ("moco-linear", 256)):
        PROTOCOLS[name].check(row)
        PROTOCOLS[name].fit(problem)
        user_error(f"protocol {name} takes random crops of at most .* large sees {larger}×", PROTOCOLS[name].check,
                   Row("large", raw_pixels, {}, View(300, larger)))
    assert seen == [32, 32] and PROTOCOLS["paper"].recipe is paper.PAPER
    assert PROTOCOLS["moco-linear"].recipe.settings["lr"] == 30
    assert np.isclose(PROTOCOLS["moco-linear"].recipe.settings["decay"], 0.1)
