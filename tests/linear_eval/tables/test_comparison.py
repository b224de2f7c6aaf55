"""Differences and their intervals, against scipy and the law they claim."""

import numpy as np
import pytest
from scipy import stats

from linear_eval.results import width_text
from linear_eval.tables.comparison import compare, half_interval, welch
from tests.linear_eval.test_report import RANDOM, SPECTRUM, result


def test_welch_needs_two_values_a_side():
    assert welch([1.0], [1.0, 2.0]) is None and welch([1.0, 1.0], [2.0, 2.0]) == 0


def test_welch_covers_the_truth_in_95_of_100(rounds: int = 1500):
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(rounds):
        ours, theirs = random.normal(1, 2, 6), random.normal(0, 1, 10)
        hits += abs(ours.mean() - theirs.mean() - 1) <= welch(ours.tolist(), theirs.tolist())
    assert abs(hits / rounds - 0.95) < 0.02  # 3.5 standard errors


def test_the_same_seeds_are_paired(rounds: int = 1500):
    random = np.random.default_rng(0)
    ours, theirs = {0: 50.0, 2: 54.0, 5: 51.0}, {5: 49.5, 0: 48.0, 2: 51.0}
    expected = stats.ttest_rel([50, 54, 51], [48, 51, 49.5]).confidence_interval()
    assert half_interval(ours, theirs) == pytest.approx((expected.high - expected.low) / 2)
    theirs[6] = 50.0
    assert half_interval(ours, theirs) == welch(list(ours.values()), list(theirs.values()))
    assert half_interval({0: 1.0}, {0: 2.0}) is None
    hits = 0
    for _ in range(rounds):  # what a seed has in common is ten times what differs
        shared, own = random.normal(0, 10, 4), random.normal(0, 1, (2, 4))
        a, b = (dict(enumerate(shared + each)) for each in own)
        hits += abs(np.mean(list(a.values())) - np.mean(list(b.values()))) <= half_interval(a, b)
    assert abs(hits / rounds - 0.95) < 0.02  # 3.5 standard errors


def test_the_baseline_is_one_row_for_all_or_the_one_that_was_made_alike():
    rows = [result(SPECTRUM, 50.0), result({**SPECTRUM, "layer": "conv5"}, 40.0),
            result({"encoder": "raw pixels"}, 30.0), result({**SPECTRUM, "encoder": "other"}, 45.0),
            result(RANDOM, 44.0, init_seed=0)]

    def gaps(baseline: str) -> dict[str, float | None]:
        found = compare(rows, baseline=baseline)
        return {found.label(row): found.summary(row, found.conditions[0]).gap for row in found.rows}

    assert gaps("raw pixels") == {"stat-spectrum (fc6)": 20, "stat-spectrum (conv5)": 10, "other (fc6)": 15,
                                  "random initialisation (fc6)": 14, "raw pixels": None}
    assert gaps("stat-spectrum (conv5)")["other (fc6)"] == 5
    assert gaps("stat-spectrum")["other (fc6)"] == -5 and gaps("stat-spectrum")["raw pixels"] is None
    assert gaps("")["stat-spectrum (conv5)"] is None and gaps("")["raw pixels"] == -14


@pytest.mark.parametrize("width", [0.1, 0.25, 1 / 32, 0.3, 1, 2, 0.0625])
def test_widths_come_back_from_the_channels_they_made(width):
    assert width_text(round(width * 4096) / 4096) == width_text(round(width * 4096) / 4096, "fc6") == f"{width:g}"
    assert float(width_text(round(width * 512) / 512, "ResNet18.avgpool")) == width
