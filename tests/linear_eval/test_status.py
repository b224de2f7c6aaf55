"""The status view: what was evaluated on what, and the next command."""

import json
import sys
from pathlib import Path

import pytest

from datasets.vtab_tasks import TASKS
from linear_eval import status
from linear_eval.status import cells, find_encoders, next_steps, table


def result(name: str, task: str = "imagenet100", *, train: int = 1000, available: int = 1000, **facts: object) -> dict:
    return {"encoder": name, "layer": "fc6", "width": 1.0, "kind": "encoder", "task": task, "protocol": "paper",
            "seed": 0, "accuracy": 40.0, "counts": {"train": train, "train_available": available},
            "selection": "uniform" if train < available else "all", **facts}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three encoders, ImageNet-100, and two prepared tasks of VTAB."""
    for name in ("stylegan-oriented", "stat-wmm", "my encoder"):
        (tmp_path / "encoders" / name).mkdir(parents=True)
        (tmp_path / "encoders" / name / "encoder.pth").touch()
    (tmp_path / "imagenet100" / "train").mkdir(parents=True)
    for task in ("dtd", "pets"):
        (tmp_path / "vtab" / task).mkdir(parents=True)
        (tmp_path / "vtab" / task / "dataset.json").write_text("{}")
    return tmp_path


def test_cells():
    rows = [result("a"), result("a", protocol="knn", train=2000, available=9000)]
    rows += [result("a", f"vtab-{task}", seed=seed) for task in ("dtd", "pets") for seed in (0, 1)]
    rows += [result("a", "vtab-svhn", train=2000, available=9000), result("a", "vtab-eurosat", selection="given list")]
    assert cells(rows) == [["paper", "knn 2k"], ["paper 2k 3/7"], ["paper 1k list 1/4"], []]


def test_table():
    rows = [result("random initialisation", width=0.25), result("stat-wmm"), result("stat-wmm", protocol="cached"),
            result("stat-wmm", "vtab-dtd")]
    assert table(rows, ["stylegan-oriented", "stat-wmm"]) == [
        "encoder                             imagenet100  natural    specialized  structured",
        "random initialisation (width 0.25)  paper        -          -            -",
        "stat-wmm                            paper        paper 1/7  -            -",
        "                                    cached",
        "stylegan-oriented                   -            -          -            -",
    ]


def test_fits_a_terminal():
    name = "a very long name of an encoder " * 4
    rows = [result(name, f"vtab-{task}", protocol="cached", train=20_000, available=90_000, selection="given list",
                   architecture="ResNet50", layer="avgpool") for task in TASKS]
    lines = table(rows, [])
    assert max(map(len, lines)) <= 120 and "…" in lines[1] and "8/8" in lines[1]


def test_next_steps(home):
    encoders, imagenet100, vtab = home / "encoders", home / "imagenet100", home / "vtab"
    assert list(find_encoders(encoders)) == ["my encoder", "stat-wmm", "stylegan-oriented"]
    rows = [result("stat-wmm"), result("stat-wmm", "vtab-dtd"), result("stat-wmm", "vtab-pets"),
            result("stylegan-oriented", "vtab-dtd"), result("stylegan-oriented", architecture="ResNet50")]
    assert next_steps(rows, encoders, vtab, imagenet100) == [
        "2 of 3 encoders lack ImageNet-100 (GPU 0, or cpu):",
        f"    ENCODERS={encoders} bash scripts/train_align_uniform/linear_eval.sh {imagenet100} 0",
        f"2 of 19 tasks of VTAB are prepared: python -m datasets.vtab status --root {vtab}",
        "2 of 3 encoders lack tasks of VTAB that are prepared:",
        f"    VTAB={vtab} bash scripts/linear_eval/vtab.sh '{encoders}/my encoder/encoder.pth' "
        f"{encoders}/stylegan-oriented/encoder.pth",
    ]
    assert next_steps([], encoders, vtab, imagenet100)[-1].endswith(f"bash scripts/linear_eval/vtab.sh {encoders}")
    assert next_steps(rows, home / "none", vtab, home / "none")[0] == (
        f"ImageNet-100 is not there: bash scripts/datasets/generate_imagenet100.sh <imagenet1k> {home}/none")


def test_nothing_is_missing(home):
    for task in TASKS:
        (home / "vtab" / task).mkdir(exist_ok=True)
        (home / "vtab" / task / "dataset.json").write_text("{}")
    rows = [result(name, task) for name in find_encoders(home / "encoders")
            for task in ("imagenet100", *(f"vtab-{name}" for name in TASKS))]
    assert next_steps(rows, home / "encoders", home / "vtab", home / "imagenet100") == []


def test_nothing_there_yet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["status"])
    status.main()
    out = capsys.readouterr().out
    assert out.startswith("no encoders in encoders/small_scale; they are looked for as encoders/small_scale/<name>/enc")
    assert "ImageNet-100 is not there" in out and "0 of 19 tasks" in out


def test_the_command_needs_no_torch(home, start):
    (home / "results" / "vtab").mkdir(parents=True)
    (home / "results" / "vtab" / "a.json").write_text(json.dumps(result("stat-wmm", "vtab-dtd")))
    arguments = [part for name in ("results", "encoders", "vtab", "imagenet100") for part in (f"--{name}", home / name)]
    process = start(["-X", "importtime", "-m", "linear_eval.status", *arguments])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "stat-wmm           -            paper 1/7  -            -" in out
    assert "torch" not in err and "linear_eval.published" in err


def test_damaged_result_is_one_line(home, start):
    (home / "results").mkdir()
    (home / "results" / "a.json").write_text('{"encoder": ')
    process = start(["-m", "linear_eval.status", "--results", home / "results"])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.startswith(f"error: {home}/results/a.json is not valid JSON")
    assert err.count("\n") == 1
