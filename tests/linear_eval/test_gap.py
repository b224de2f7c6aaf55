"""The gap closed: shares by hand, and errors by simulation."""

import numpy as np
import pytest

from linear_eval.gap import Measured, accuracy, chart, closed, panels, papers_panel


def result(name: str, accuracy: float, seed: int = 0, width: float = 0.25, error: float = 0.5, task: str = "cifar10"):
    return {"encoder": name, "layer": "fc6", "width": width, "task": task, "protocol": "cached", "seed": seed,
            "accuracy": accuracy, "counts": {"train": 5000}, "encoder_sha256": f"{name} {seed} {width}",
            "standard_error": error}


RESULTS = [result("random initialisation", 40), result("photos", 60), result("stat-wmm", 55), result("stat-wmm", 45, 1),
           result("stat-wmm", 59, width=1), result("stat-spectrum", 40), result("no noise", 50),
           result("photos", 70, task="alone")]


def test_shares_are_of_networks_of_the_photos_kind_in_columns_that_have_both():
    [panel] = panels(RESULTS, "photos")
    assert {name: share.value for name, share in panel.closed.items()} == {"stat-wmm": 50, "stat-spectrum": 0}
    assert panels(RESULTS, "stat-wmm")[0].closed["stat-wmm"].value == 100
    assert panels(RESULTS, "raw pixels") == []


def test_errors_of_seeds_and_images():
    assert accuracy(RESULTS[2:4]) == pytest.approx((50, np.hypot(0.5, 5)))  # ± 5√2 over seeds, of which there are two


def test_the_error_of_a_share_is_that_of_draws():
    parts = Measured(50, 0.5), Measured(40, 0.3), Measured(60, 0.4)
    of, nothing, photos = (np.random.default_rng(i).normal(*part, 20_000) for i, part in enumerate(parts))
    shares = 100 * (of - nothing) / (photos - nothing)
    assert closed(*parts) == pytest.approx((shares.mean(), shares.std()), rel=0.03)


def test_the_papers_best_noise(tmp_path):
    assert papers_panel().closed["stylegan-oriented"].value == pytest.approx(100 * (43.4 - 21.1) / (54.7 - 21.1))
    chart(panels(RESULTS, "photos"), "photos", tmp_path / "gap.png")
    assert (tmp_path / "gap.png").stat().st_size > 1000
