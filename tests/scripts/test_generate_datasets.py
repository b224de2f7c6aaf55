"""scripts/generate_datasets: families that are made of the list of names, and what is refused."""

import json
import re

import pytest

from generators.named import named_datasets
from models import random_encoder, save_encoder

from .test_scripts import ROOT, bash

FOLDER = ROOT / "scripts/generate_datasets"
FAMILIES = {path.name: re.search(r"^generate (\S+) ", path.read_text(), re.M)[1]
            for path in FOLDER.glob("*.sh") if path.name not in ("common.sh", "all.sh")}


def test_every_named_dataset_is_of_one_family():
    for name in named_datasets():
        assert sum(name.startswith(prefix) for prefix in FAMILIES.values()) == 1, name
    for prefix in FAMILIES.values():
        assert any(name.startswith(prefix) for name in named_datasets()), prefix


def test_one_dataset_of_a_family(tmp_path):
    settings = {"SAMPLES": "4", "WORKERS": "1", "OPTIONS": "--resolution 16 --format png"}
    for said in ("made 4 images, 16x16 png", "nothing to do"):
        done = bash(FOLDER / "dead_leaves.sh", "dead_leaves-mixed", cwd=tmp_path, **settings)
        assert done.returncode == 0, done.stderr
        assert f"dead_leaves-mixed: {said}" in done.stdout.splitlines()[-1]
    record = json.loads((tmp_path / "data/small_scale/dead_leaves-mixed/dataset.json").read_text())
    assert record["counts"] == {"train": 4} and len(list(tmp_path.rglob("*.png"))) == 4


def test_large_scale_has_a_folder_and_a_resolution_of_its_own(tmp_path):
    done = bash(FOLDER / "all.sh", "stat-spectrum", cwd=tmp_path, SCALE="large", SAMPLES="1", WORKERS="1")
    assert done.returncode == 0, done.stderr
    assert "256x256 jpg, in data/large_scale/stat-spectrum" in done.stdout


@pytest.mark.slow
def test_a_family_without_and_with_an_encoder(tmp_path):
    settings = {"SAMPLES": "2", "WORKERS": "1", "OPTIONS": "--resolution 32 --steps 1 --block 2", "DATA": "my data"}
    done = bash(FOLDER / "feature_vis.sh", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert "feature_vis-dead_leaves: passed over" in done.stdout
    assert [path.name for path in (tmp_path / "my data").iterdir()] == ["feature_vis-random"]
    save_encoder(random_encoder(0, 1 / 32), tmp_path / "encoder.pth")
    done = bash(FOLDER / "feature_vis.sh", cwd=tmp_path, ENCODER="encoder.pth", **settings)
    assert done.returncode == 0, done.stderr
    assert "feature_vis-random: nothing to do" in done.stdout
    assert len(list((tmp_path / "my data/feature_vis-dead_leaves").rglob("*.jpg"))) == 2


def test_a_folder_with_other_content_is_left_alone(tmp_path):
    folder = tmp_path / "data/small_scale/stat-spectrum"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("all of it")
    done = bash(FOLDER / "statistical.sh", "stat-spectrum", cwd=tmp_path, SAMPLES="2")
    assert done.returncode == 1 and "holds files but no dataset.json" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and [path.name for path in folder.iterdir()] == ["thesis.tex"]
