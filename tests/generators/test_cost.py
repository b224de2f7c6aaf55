"""What images cost: what is timed, and that nothing is left behind."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

from generators import cost
from generators.cost import Cost, Need, human_time, image_cost, image_need
from generators.mixture import Mixture
from generators.named import make_process


def test_arithmetic_by_hand():
    need = Need(105_000, 128, 4, Cost(0.02, 8192))
    assert (need.making, need.jpeg, need.packed) == (105_000 * 0.02 / 4, 860_160_000, 5_160_960_000)
    assert need.row() == "128 | 0.02 | 8.8 minutes | 820.3 MB | 4.8 GB"
    need = Need(20_000, 16, 2, Cost(0.001, 4096), first=10_000, each=Cost(0.05, 8192))
    assert need.making == pytest.approx((20_000 * 0.001 + 10_000 * 0.05) / 2)
    assert (need.jpeg, need.packed) == (20_000 * 4096 + 10_000 * 8192, 30_000 * 16 * 16 * 3)
    for seconds, said in ((59.4, "59 seconds"), (60, "1.0 minutes"), (5400, "1.5 hours"), (86400 * 2.5, "2.5 days")):
        assert human_time(seconds) == said


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
    assert image_cost(Timed(clock, 0.0, 3.0)).seconds == 3.0 and len(clock) == 2


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
    textured = make_process("dead_leaves-textures", 16)
    need = image_need(textured, 20, 1)
    assert need.first == 10_000 and need.image.seconds > 0 and need.image.size == need.each.size == 4096
    assert image_need(make_process("stat-spectrum", 16), 20, 1).first == 0
    assert os.getcwd() == str(tmp_path) and not list(tmp_path.iterdir())
