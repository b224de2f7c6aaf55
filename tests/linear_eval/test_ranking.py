"""The ranking beside the paper's: the right means and ranks, and a correlation that SciPy agrees with."""

import numpy as np
import pytest
from scipy import stats

from linear_eval.ranking import markdown, ours, paper, ranking, scatter
from linear_eval.results import Condition, collect
from linear_eval.tables.correlation import rank_correlation, rank_interval

CONDITION = Condition("cifar10", "cached", 5000)


def result(name: str, accuracy: float, seed: int = 0, layer: str = "fc6", task: str = "cifar10") -> dict:
    return {"encoder": name, "layer": layer, "width": 0.25, "task": task, "protocol": "cached", "seed": seed,
            "accuracy": accuracy, "counts": {"train": 5000}, "encoder_sha256": f"{name} {seed}"}


@pytest.fixture
def results():
    return [result("stat-wmm", 40, 0), result("stat-wmm", 44, 1), result("stat-wmm", 41, layer="conv5"),
            result("stat-spectrum", 45), result("stylegan-oriented", 50), result("random initialisation", 60),
            result("no dataset of the paper", 70)]


def test_means_of_the_papers_datasets_only(results):
    means = ours(collect(results), CONDITION, list(paper()))
    assert means == {"stat-wmm": 42, "stat-spectrum": 45, "stylegan-oriented": 50}


def test_table(results, tmp_path):
    found = ranking(results)
    lines = markdown(found).splitlines()
    assert lines[2] == "| stylegan-oriented | 43.4 | 1 | 50.00 | 1 |"
    assert lines[3] == "| stat-wmm | 31.5 | 2 | 42.00 | 3 |"
    assert lines[4] == "| stat-spectrum | 30.7 | 3 | 45.00 | 2 |"
    assert "+0.50 over 3 datasets" in lines[6] and "digitised" in lines[-1]
    scatter(found, tmp_path / "ranking.png")
    assert (tmp_path / "ranking.png").stat().st_size > 1000


def test_two_datasets_make_no_ranking():
    assert ranking([result("stat-wmm", 40), result("stat-spectrum", 45)]) == []


def test_correlation_is_scipys():
    rng = np.random.default_rng(0)
    a = rng.normal(size=6)
    b = a + rng.normal(size=6)
    rho, p = rank_correlation(a, b)
    expected = stats.permutation_test((a,), lambda x: stats.spearmanr(x, b).statistic, permutation_type="pairings",
                                      n_resamples=np.inf)  # all 6! orders
    assert rho == pytest.approx(stats.spearmanr(a, b).statistic)
    assert p == pytest.approx(expected.pvalue, abs=4 * np.sqrt(expected.pvalue / 20_000))


def test_interval_is_scipys_bootstrap():
    rng = np.random.default_rng(0)
    a = rng.normal(size=13)
    b = a + rng.normal(size=13)
    expected = stats.bootstrap((a, b), lambda x, y: stats.spearmanr(x, y).statistic, paired=True, vectorized=False,
                               n_resamples=2000, method="percentile", rng=rng).confidence_interval
    assert rank_interval(a, b) == pytest.approx((expected.low, expected.high), abs=0.06)  # 4 s.e. of 2,000 resamples
    assert rank_interval(a, 2 * b + 1) == rank_interval(a, b)


def test_equal_accuracies_have_no_rank_correlation(tmp_path):
    found = ranking([result(name, 40) for name in ("stat-wmm", "stat-spectrum", "stylegan-oriented")])
    assert "rank correlation with the paper +nan over 3" in markdown(found)


def test_tasks_of_vtab_have_no_published_ranking():
    names = ("stat-wmm", "stat-spectrum", "stylegan-oriented")
    assert ranking([result(name, 40, task="vtab-dtd") for name in names]) == []


def test_precisions_are_ranked_apart():
    names = ("stat-wmm", "stat-spectrum", "stylegan-oriented")
    rows = [{**result(name, 40 + i), "precision": "float32"} for i, name in enumerate(names)]
    assert [head for head, _ in ranking(rows)] == ["cifar10, cached, 5,000 images"]
    rows += [{**result(name, 50 + i), "precision": "bfloat16"} for i, name in enumerate(names[:2])]
    assert ranking(rows) == [("cifar10, cached, 5,000 images, float32", dict(zip(names, (40, 41, 42), strict=True)))]
