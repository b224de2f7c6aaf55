"""Studies keep a result file of each run, resume, and become a table with the paper's numbers."""

import json
import sys

import pytest

from train_ica import study, tables
from train_ica.latents import mixing

TINY = ["--options", "--n", "2", "--batch_size", "16", "--steps", "4", "--score_every", "2", "--score_samples", "64",
        "--gpus"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(mixing, "DRAWS", 500)
    monkeypatch.setattr(mixing, "TOGETHER", 500)


@pytest.fixture
def ended(end, monkeypatch):
    def call(module, *arguments):
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        return end(module.main)

    return call


def test_from_rows_to_table(command, ended, tmp_path, monkeypatch):
    rows = ["--rows", "box-laplace", "box-normal-unbounded", "box-laplace:identity", "--runs", tmp_path / "runs",
            "--output", tmp_path / "results"]
    command(study, *rows, "--seeds", 0, 1, *TINY)
    names = {path.stem for path in (tmp_path / "results").iterdir()}
    assert names == {f"{row}-seed-{seed}" for row in ("box-laplace", "box-normal-unbounded", "box-laplace-identity")
                     for seed in (0, 1)}
    one = json.loads((tmp_path / "results/box-laplace-seed-1.json").read_text())
    assert one["seed"] == 1 and [point[0] for point in one["curve"]] == [2, 4] and "thread" in one["hardware"]
    assert str(tmp_path) not in json.dumps(one)

    monkeypatch.setattr(study, "command", None)  # nothing is left to do
    command(study, *rows, "--seeds", 0, 1, *TINY)
    code, _, err = ended(study, *rows, "--seeds", 0, *TINY, "--lr", "0.5")
    assert code == 1 and "is of other options" in err

    out = command(tables, tmp_path / "results")
    assert (tmp_path / "results/table.md").read_text().strip() == "\n".join(out).strip()
    (line,) = (line for line in out if line.startswith("| box-normal-unbounded |"))
    assert "| 4 | 2 |" in line and "MCC 58.3 ± 3.0" in line
    assert (tmp_path / "results/curves.png").stat().st_size > 1000


def test_an_empty_folder(refuses, tmp_path):
    refuses("holds no result files", tables, tmp_path)


def test_a_row_that_is_not_there(refuses, tmp_path):
    refuses("no setting called 'box'", study, "--rows", "box", "--runs", tmp_path, "--output", tmp_path, *TINY)
