"""ImageNet-100 and VTAB from their scripts, with fixtures in the real formats in place of the real data."""

import json
from pathlib import Path

import pytest

from datasets.vtab import prepared as vtab
from datasets.vtab.tasks import TASKS
from models import random_encoder, save_encoder

from . import smoke_fixtures
from .test_scripts import ROOT, bash

WIDTH = 1 / 32
LINEAR_EVAL = ROOT / "scripts/train_align_uniform/linear_eval.sh"
VTAB = ROOT / "scripts/linear_eval/vtab.sh"


def call_complete(folder: Path) -> None:
    """Let a fixture pass for the whole dataset: parts stand in no table beside published figures."""
    record = json.loads((folder / "dataset.json").read_text())
    assert record["complete"] is False
    (folder / "dataset.json").write_text(json.dumps({**record, "complete": True}))


@pytest.fixture
def encoders(tmp_path) -> Path:
    for seed, name in enumerate(("stat-wmm", "stylegan-oriented")):
        folder = tmp_path / "encoders/small_scale" / name
        folder.mkdir(parents=True)
        save_encoder(random_encoder(seed, WIDTH), folder / "encoder.pth")
    return tmp_path / "encoders/small_scale"


@pytest.mark.slow
def test_imagenet100_from_the_original_folders_to_the_table(encoders, tmp_path):
    smoke_fixtures.imagenet(tmp_path / "imagenet")
    made = bash(ROOT / "scripts/datasets/generate_imagenet100.sh", "imagenet", "imagenet100", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    call_complete(tmp_path / "imagenet100")
    settings = {"PROTOCOL": "knn"}
    done = bash(LINEAR_EVAL, "imagenet100", "cpu", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    results = {path.name: json.loads(path.read_text()) for path in (tmp_path / "results/imagenet100").glob("*.json")}
    assert len(results) == 2 + 1 + 3  # encoders, random initialisation, baselines
    assert results["stat-wmm-seed-0-knn-200.json"]["counts"]["classes"] == 100
    table = (tmp_path / "results/imagenet100/imagenet100.md").read_text()
    assert "stylegan-oriented" in table and "43.4" in table and "digitised" in table

    (encoders / "fractaldb").mkdir()  # one more: only that is probed
    save_encoder(random_encoder(2, WIDTH), encoders / "fractaldb/encoder.pth")
    again = bash(LINEAR_EVAL, "imagenet100", "cpu", cwd=tmp_path, **settings)
    assert again.returncode == 0 and "7 rows of imagenet100 by knn, 1 of them probed now" in again.stdout, again.stderr


@pytest.mark.slow
def test_vtab_from_shards_to_the_table(encoders, tmp_path):
    smoke_fixtures.dtd_shards(tmp_path / "shards")
    vtab.prepare(TASKS["dtd"], tmp_path / "data/vtab", "shards", tmp_path / "shards", partial=True)
    settings = {"PROTOCOLS": "knn", "GPU": "cpu"}
    done = bash(VTAB, "stat-wmm", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    results = {path.name: json.loads(path.read_text()) for path in (tmp_path / "results/vtab").rglob("*.json")}
    assert set(results) == {f"{name}-seed-0-knn-94.json" for name in ("stat-wmm", "random-init-0.03125", "raw-pixels",
                                                                      "mean-colours", "colour-histogram")}
    assert results["stat-wmm-seed-0-knn-94.json"]["task_complete"] is False
    assert "vtab-dtd (partial)" in (tmp_path / "results/vtab/table.md").read_text()
    assert not (tmp_path / "results/vtab/vtab.md").exists()

    call_complete(tmp_path / "data/vtab/dtd")
    settings["RESULTS"] = "results/complete"
    assert bash(VTAB, "stat-wmm", cwd=tmp_path, **settings).returncode == 0
    everything = bash(VTAB, cwd=tmp_path, **settings)
    assert "1 of 7 tasks, missing caltech101" in (tmp_path / "results/complete/vtab.md").read_text()
    assert everything.returncode == 0 and "6 rows by knn, 1 probed now" in everything.stdout, everything.stderr
    assert "stylegan-oriented" in everything.stdout  # in the status
