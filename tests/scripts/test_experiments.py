"""run.sh, from noise to table, stopped and resumed; status.sh; and smoke.sh, which runs every script there is."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.vtab import prepared as vtab
from datasets.vtab.tasks import TASKS
from models import random_encoder, save_encoder

from . import smoke_fixtures
from .test_scripts import ROOT, SCRIPTS, bash

RUN = ROOT / "scripts/experiments/run.sh"
SMOKE = ROOT / "scripts/experiments/smoke.sh"
TOY = {"SAMPLES": "24", "RESOLUTION": "32", "WORKERS": "1", "PROTOCOL": "knn", "FEATURES": "features",
       "OPTIONS": "--precision float32 --width 0.03125 --batch_size 8 --epochs 3 --lr 0.05"}


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> dict[str, str]:
    """Photos of two classes in place of ImageNet-100, and a part of one task of VTAB."""
    folder = tmp_path_factory.mktemp("real")
    smoke_fixtures.photos(folder / "imagenet100")
    smoke_fixtures.dtd_shards(folder / "shards")
    vtab.prepare(TASKS["dtd"], folder / "vtab", "shards", folder / "shards", partial=True)
    return {"IMAGENET100": str(folder / "imagenet100"), "VTAB": str(folder / "vtab")}


def products(folder: Path) -> dict[str, object]:
    """What an experiment makes: images, encoder, and results without the environment, which names the git commit."""
    files = [*folder.glob("data/**/*.jpg"), *folder.glob("encoders/**/encoder.pth")]
    results = {path: json.loads(path.read_text()) for path in folder.glob("results/**/*.json")}
    made = {**{path: path.read_bytes() for path in files},
            **{path: {**result, "environment": None} for path, result in results.items()}}
    return {str(path.relative_to(folder)): value for path, value in made.items()}


def killed(command: list[object], folder: Path, condition: Callable[[], bool], **environment: str) -> bool:
    """Run a command; kill it and all it started, -9, as soon as `condition` holds. Returns whether it had not ended."""
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **environment}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    while not condition() and process.poll() is None:
        time.sleep(0.002)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


@pytest.mark.slow
def test_an_experiment_killed_in_every_stage_ends_as_if_it_had_not_been(tmp_path, real):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    done = bash(RUN, "dead_leaves-mixed", "cpu", cwd=whole, **TOY, **real)
    assert done.returncode == 0, done.stderr
    order = [done.stdout.index(text) for text in ("| dead_leaves-mixed | 32 |", "== 1/4", "== 2/4", "== 3/4", "== 4/4")]
    assert order == sorted(order)  # what it needs is said first
    assert done.stdout.splitlines()[-1].endswith("tables: results/imagenet100/table.md results/vtab/table.md")

    run = cut / "encoders/small_scale/dead_leaves-mixed"
    for sign in (lambda: any(cut.glob("data/**/*.jpg")), lambda: (run / "metrics.jsonl").exists(),
                 lambda: any(cut.glob("results/imagenet100/*.json")), lambda: any(cut.glob("results/vtab/**/*.json"))):
        assert killed(["bash", RUN, "dead_leaves-mixed", "cpu"], cut, sign, **TOY, **real)
    again = bash(RUN, "dead_leaves-mixed", "cpu", cwd=cut, **TOY, **real)
    assert again.returncode == 0, again.stderr
    assert products(cut) == products(whole) and len(products(whole)) == 24 + 1 + 5 + 5
    assert "nothing to do" in again.stdout and "| dead_leaves-mixed | 32 |" not in again.stdout  # nothing is needed

    other = bash(RUN, "dead_leaves-mixed", "cpu", cwd=cut, **{**TOY, **real, "SAMPLES": "48"})
    assert other.returncode == 1 and "dead_leaves-mixed was begun on 24 images, not 48; ask for as many" in other.stderr
    assert len(list(cut.glob("data/**/*.jpg"))) == 24 and "== 1/4" not in other.stdout

    status = bash(ROOT / "scripts/status.sh", cwd=cut, **real).stdout
    assert re.search(r"^dead_leaves-mixed +24 images +done \(9 steps\)$", status, re.M)
    assert re.search(r"^dead_leaves-mixed .*knn", status, re.M)
    assert re.search(r"^1 of \d+ encoders are there", status, re.M)


@pytest.mark.slow
def test_what_is_not_prepared_is_passed_over_with_the_command_that_prepares_it(tmp_path):
    done = bash(RUN, "stat-spectrum", "cpu", cwd=tmp_path, **TOY)
    assert done.returncode == 0, done.stderr
    assert "passed over until it is there: bash" in done.stdout
    assert "generate_imagenet100.sh IMAGENET1K data/imagenet100" in done.stdout
    assert "-m datasets.vtab status --root data/vtab" in done.stdout
    assert done.stdout.endswith("stat-spectrum: encoder in encoders/small_scale/stat-spectrum, tables: none yet\n")


def test_what_was_downloaded_is_taken_as_it_is(tmp_path):
    (tmp_path / "encoders/small_scale/stat-wmm").mkdir(parents=True)
    save_encoder(random_encoder(0, 1 / 32), tmp_path / "encoders/small_scale/stat-wmm/encoder.pth")
    done = bash(RUN, "stat-wmm", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "encoders/small_scale/stat-wmm was not trained here, and is taken as it is" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["encoders"]


@pytest.mark.slow
def test_downloaded_images_need_nothing_but_training(tmp_path, make_images):
    """Of a dataset that could not be made here without an encoder."""
    folder = make_images(tmp_path / "data/small_scale/feature_vis-dead_leaves", 22)
    (folder / "dataset.json").write_text('{"name": "feature_vis-dead_leaves", "count": 22, "checked_against": null}')
    done = bash(RUN, "feature_vis-dead_leaves", "cpu", cwd=tmp_path, **{**TOY, "SAMPLES": "", "RESOLUTION": ""})
    assert done.returncode == 0, done.stderr
    assert "| feature_vis-dead_leaves | 40 | 0 | 0 seconds | 0 bytes | 103.1 KB |" in done.stdout
    assert "data/small_scale/feature_vis-dead_leaves: not made here, and taken as it is" in done.stdout
    assert (tmp_path / "encoders/small_scale/feature_vis-dead_leaves/done.json").exists()


def test_a_folder_with_other_content_is_no_encoder(tmp_path):
    (tmp_path / "encoders/small_scale/stat-spectrum").mkdir(parents=True)
    (tmp_path / "encoders/small_scale/stat-spectrum/notes.txt").write_text("hi")
    done = bash(RUN, "stat-spectrum", "cpu", cwd=tmp_path, **TOY)
    assert done.returncode == 1 and "stat-spectrum holds files but no config.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_status_of_nothing_says_where_to_begin(tmp_path):
    done = bash(ROOT / "scripts/status.sh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^0 of \d+ encoders are there\nimages are missing: python -m generators", done.stdout, re.M)
    assert "ImageNet-100 is not there" in done.stdout and "0 of 19 tasks of VTAB are prepared" in done.stdout
    one = bash(ROOT / "scripts/status.sh", "stat-wmm", cwd=tmp_path)
    assert "0 of 1 encoders are there" in one.stdout and not list(tmp_path.iterdir())


def test_smoke_refuses_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "mine").write_text("")
    done = bash(SMOKE, ".", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == "error: . is not empty; pass another folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_smoke_calls_every_script():
    called = re.findall(r"\bcall (\S+\.sh)", SMOKE.read_text())
    assert sorted(set(called)) == sorted(str(path.relative_to(ROOT / "scripts")) for path in SCRIPTS
                                         if path.name != "common.sh")


@pytest.mark.slow
def test_every_script_runs(tmp_path):
    done = subprocess.run(["bash", SMOKE, "smoke"], cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable},
                          text=True, capture_output=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = done.stdout.split("\n\n")[-1].splitlines()
    assert len(outcome) == sum(path.name != "common.sh" for path in SCRIPTS)
    assert all(re.fullmatch(r"\S+\.sh: ran, \d+ s", line) for line in outcome)
