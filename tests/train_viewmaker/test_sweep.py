"""The figure of a budget sweep."""

import json
import sys

import pytest

from train_viewmaker import sweep


@pytest.fixture
def ended(end, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sweep", *map(str, arguments)])
        return end(sweep.main)

    return call


def write(folder, name, seed, accuracy):
    result = {"encoder": name, "task": "photos", "protocol": "cached", "seed": seed, "accuracy": accuracy,
              "counts": {"train": 10, "val": 100, "classes": 2}}
    (folder / f"{name}-{seed}.json").write_text(json.dumps(result))


def test_budgets_are_told_by_name(command, refuses, tmp_path):
    write(tmp_path, "learned", 0, 40.0)
    refuses("results of 1 budgets", tmp_path)
    for name, seed, accuracy in (("learned", 1, 42.0), ("learned-0.2", 0, 50.0), ("learned-0.0125", 0, 30.0),
                                 ("expert", 0, 60.0), ("both", 0, 99.0)):
        write(tmp_path, name, seed, accuracy)
    (line,) = command(tmp_path)
    assert line.endswith("best budget 0.2") and (tmp_path / "sweep.png").stat().st_size > 1000
    assert (tmp_path / "sweep.csv").read_text().splitlines() == [
        "budget,seeds,accuracy", "0.0125,1,30.0000", "0.05,2,41.0000", "0.2,1,50.0000", "expert,1,60.0000"]
