import random

import pytest

from training.options import TrainingOptions
from training.schedule import SaveClock, learning_rate

PAPER = dict(base=TrainingOptions().base_lr, total_steps=200 * 137, steps_per_epoch=137, decay_epochs=(155, 170, 185),
             decay_rate=0.1, warmup_steps=0, cosine=False)


def test_the_papers_numbers():
    assert TrainingOptions().base_lr == pytest.approx(0.36)
    assert TrainingOptions(batch_size=256).base_lr == pytest.approx(0.12)
    assert TrainingOptions(batch_size=256, lr=1.0).base_lr == 1.0
    assert TrainingOptions().steps_per_epoch(105_000) == 137  # 136 batches of 768 and a last one of 552
    assert TrainingOptions().total_steps(105_000) == PAPER["total_steps"]
    assert TrainingOptions(steps=500).total_steps(105_000) == 500


@pytest.mark.parametrize(("epoch", "expected"), [(0, 0.36), (154, 0.36), (155, 0.036), (169, 0.036), (170, 0.0036),
                                                 (184, 0.0036), (185, 0.00036), (199, 0.00036)])
def test_the_papers_milestones(epoch, expected):
    for step in (epoch * 137, epoch * 137 + 136):  # first and last of the epoch
        assert learning_rate(step, **PAPER) == pytest.approx(expected, rel=1e-12)


def test_cosine_starts_at_the_base_and_ends_near_zero():
    rates = [learning_rate(step, **{**PAPER, "total_steps": 100, "cosine": True}) for step in range(100)]
    assert rates[0] == pytest.approx(0.36) and rates[50] == pytest.approx(0.18)
    assert 0 < rates[99] < 0.001 * 0.36 and rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("cosine", [False, True])
def test_warm_up_is_linear_and_then_gone(cosine):
    options = {**PAPER, "total_steps": 100, "cosine": cosine}
    plain = [learning_rate(step, **options) for step in range(100)]
    warm = [learning_rate(step, **{**options, "warmup_steps": 10}) for step in range(100)]
    for step in range(100):
        assert warm[step] == pytest.approx(plain[step] * min(1, (step + 1) / 10))


def simulate(clock: SaveClock, step: float, cost: random.Random, low: float, high: float, until: float) -> list[float]:
    """Run `clock` on simulated time: steps of `step` seconds, saves of `low` to `high`. Returns, after every save, by
    how many seconds the time spent saving exceeds its share of the time since the start."""
    now, spent, excess = 0.0, 0.0, []
    while now < until:
        now += step
        if clock.due(now):
            took = cost.uniform(low, high)
            clock.saved(now, now + took)
            now, spent = now + took, spent + took
            excess.append(spent - clock.share * now)
    return excess


@pytest.mark.parametrize("step", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("cost", [0.01, 0.5, 5.0])
def test_saves_of_known_cost_never_take_more_than_their_share(step, cost):
    excess = simulate(SaveClock(0.0, cost), step, random.Random(0), cost, cost, until=20_000)
    assert excess and max(excess) <= 0
    possible = min(20_000 / (10 + step), 0.02 * 20_000 / cost)
    assert len(excess) > 0.7 * possible  # and the share is used


def test_saves_that_cost_more_than_thought_are_made_up_for():
    """The share is exceeded by one misjudged save at most."""
    for seed in range(5):
        excess = simulate(SaveClock(0.0, cost=1.0), 0.3, random.Random(seed), 0.2, 4.0, until=20_000)
        assert max(excess) <= 4.0 - 0.2
    excess = simulate(SaveClock(0.0, cost=0.01), 0.3, random.Random(0), 3.0, 3.0, until=2000)
    assert 0 < excess[0] < 3.0 and all(later <= 0 for later in excess[1:])


def test_saves_are_no_more_frequent_than_useful():
    assert len(simulate(SaveClock(0.0, cost=0.0), 0.1, random.Random(0), 0.0, 0.0, until=1000)) <= 100
