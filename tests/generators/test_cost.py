"""What images cost: what is timed, and that nothing is left behind."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

from generators import cost
from generators.cost import image_cost
from generators.mixture import Mixture
from generators.named import load


@dataclass(frozen=True)
class Timed:
    """A process that takes `compiling` seconds of a pretended clock once, and `each` for an image."""

    clock: list
    compiling: float
    each: float
    block: int = 4
    resolution: int = 8
    seed: int = 0

    def render(self, indices):
        self.clock.append(self.clock[-1] + len(indices) * self.each + (self.compiling if len(self.clock) == 1 else 0))
        return np.zeros((len(indices), 8, 8, 3), np.uint8)


@pytest.fixture
def clock(monkeypatch):
    moments = [0.0]
    monkeypatch.setattr(cost.time, "process_time", lambda: moments[-1])
    return moments


def test_compiling_does_not_count(clock):
    assert image_cost(Timed(clock, 5.0, 0.01)) == pytest.approx((0.01, 4096))
    assert clock[-1] == pytest.approx(5 + (4 + 8 + 16 + 32 + 64 + 128) * 0.01)  # until a call takes a second


def test_one_block_is_enough_of_a_slow_process(clock):
    assert image_cost(Timed(clock, 0.0, 3.0)).seconds == 3.0
    assert len(clock) == 2


def test_a_mixture_is_the_weighted_mean_of_its_components(monkeypatch):
    mixture = Mixture("dead_leaves-mixed=0.75 stat-spectrum=0.25", resolution=16)
    known = {"DeadLeaves": [b"x" * 100], "Spectrum": [b"x" * 5000]}
    ticks = {"DeadLeaves": 2.0, "Spectrum": 16.0}
    now = [0.0]

    def encode(process, indices, image_format):
        now[0] += ticks[type(process).__name__] * len(indices)
        return known[type(process).__name__]

    monkeypatch.setattr(cost.time, "process_time", lambda: now[0])
    monkeypatch.setattr(cost, "encode", encode)
    assert image_cost(mixture) == (0.75 * 2 + 0.25 * 16, 0.75 * 4096 + 0.25 * 8192)


def test_a_few_textures_stand_for_all_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost, "ENOUGH", 0.02)
    textured = load("dead_leaves-textures", 16)
    seconds, size = image_cost(textured)
    assert seconds > 0 and size == 4096
    assert cost.made_first(textured).count == 10_000 and cost.made_first(load("stat-spectrum", 16)).count == 0
    assert os.getcwd() == str(tmp_path) and not list(tmp_path.iterdir())
