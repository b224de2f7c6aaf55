"""The status view: what was evaluated on what, and the next command."""

import json
import sys
from pathlib import Path

import pytest

from datasets.vtab.tasks import TASKS
from linear_eval import status
from linear_eval.features.find import find_encoders
from linear_eval.status import cells, next_steps, table


def result(name: str, task: str = "imagenet100", *, train: int = 1000, available: int = 1000, **facts: object) -> dict:
    return {"encoder": name, "layer": "fc6", "width": 1.0, "kind": "encoder", "task": task, "protocol": "paper",
            "seed": 0, "accuracy": 40.0, "counts": {"train": train, "train_available": available},
            "selection": "uniform" if train < available else "all", **facts}


def prepare(vtab: Path, *tasks: str, complete: bool = True) -> None:
    for task in tasks:
        (vtab / task).mkdir(parents=True, exist_ok=True)
        record = {"name": f"vtab-{task}", "count": 8, "val": 4, "route": "shards", "split": "train"}
        (vtab / task / "dataset.json").write_text(json.dumps(record | {"complete": complete}))


def steps(rows: list[dict], home: Path) -> list[str]:
    encoders = home / "encoders"
    return next_steps(rows, find_encoders([str(encoders)]), encoders, home / "vtab", home / "imagenet100")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three encoders, ImageNet-100, and two prepared tasks of VTAB."""
    for name in ("stylegan-oriented", "stat-wmm", "my encoder"):
        (tmp_path / "encoders" / name).mkdir(parents=True)
        (tmp_path / "encoders" / name / "encoder.pth").touch()
    (tmp_path / "imagenet100" / "train").mkdir(parents=True)
    prepare(tmp_path / "vtab", "dtd", "pets")
    return tmp_path


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs the command in the folder of the test; returns what it prints."""
    def command(*arguments: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["status", *arguments])
        status.main()
        return capsys.readouterr().out

    return command


def test_cells():
    rows = [result("a"), result("a", protocol="knn", train=2000, available=9000)]
    rows += [result("a", f"vtab-{task}", seed=seed) for task in ("dtd", "pets") for seed in (0, 1)]
    rows += [result("a", "vtab-svhn", train=2000, available=9000), result("a", "vtab-eurosat", selection="given list")]
    assert cells(rows) == [["paper", "knn 2k"], ["paper 2k 3/7"], ["paper 1k list 1/4"], []]


def test_partial_tasks_are_not_counted_as_done():
    rows = [result("a", task_complete=False), result("a", protocol="cached")]
    rows += [result("a", f"vtab-{task}", task_complete=task == "dtd") for task in ("dtd", "pets", "svhn", "eurosat")]
    rows += [result("a", "vtab-dtd", train=900, available=900, task_complete=False)]  # before all of it was there
    assert cells(rows) == [["paper partial", "cached"], ["paper 1/7, 2 partial"], ["paper 0/4, 1 partial"], []]


def test_table():
    rows = [result("random initialisation", width=0.25), result("stat-wmm"), result("stat-wmm", protocol="cached"),
            result("stat-wmm", "vtab-dtd")]
    assert table(rows, ["stylegan-oriented", "stat-wmm"]) == [
        "encoder                             imagenet100  natural    specialized  structured",
        "random initialisation (width 0.25)  paper        -          -            -",
        "stat-wmm                            paper        paper 1/7  -            -",
        "                                    cached",
        "stylegan-oriented                   -            -          -            -"]


def test_fits_a_terminal():
    name = "a very long name of an encoder " * 4
    rows = [result(name, f"vtab-{task}", protocol="cached", train=20_000, available=90_000, selection="given list",
                   architecture="ResNet50", layer="avgpool") for task in TASKS]
    lines = table(rows, [])
    assert max(map(len, lines)) <= 120 and "…" in lines[1] and "8/8" in lines[1]


def test_next_steps(home):
    encoders, imagenet100, vtab = home / "encoders", home / "imagenet100", home / "vtab"
    rows = [result("stat-wmm"), result("stat-wmm", "vtab-dtd"), result("stat-wmm", "vtab-pets"),
            result("stylegan-oriented", "vtab-dtd"), result("stylegan-oriented", task_complete=False)]
    assert steps(rows, home) == [
        "2 of 3 encoders lack ImageNet-100 (GPU 0, or cpu):",
        f"    ENCODERS={encoders} bash scripts/train_align_uniform/linear_eval.sh {imagenet100} 0",
        f"2 of 19 tasks of VTAB are prepared: python -m datasets.vtab status --root {vtab}",
        "2 of 3 encoders lack tasks of VTAB that are prepared:",
        f"    VTAB={vtab} bash scripts/linear_eval/vtab.sh '{encoders}/my encoder/encoder.pth' "
        f"{encoders}/stylegan-oriented/encoder.pth"]
    assert steps([], home)[-1].endswith(f"bash scripts/linear_eval/vtab.sh {encoders}")
    assert next_steps(rows, [], home / "none", vtab, home / "none")[0] == (
        f"ImageNet-100 is not there: bash scripts/datasets/generate_imagenet100.sh <imagenet1k> {home}/none")


def test_nothing_is_missing(home):
    prepare(home / "vtab", *TASKS)
    network = {"stat-wmm": {"architecture": "ResNet50", "layer": "avgpool"}}  # whatever network the encoder.pth holds
    rows = [result(name, task, **network.get(name, {})) for name in ("my encoder", "stat-wmm", "stylegan-oriented")
            for task in ("imagenet100", *(f"vtab-{name}" for name in TASKS))]
    assert steps(rows, home) == []


def test_a_partial_task_is_not_prepared(home):
    prepare(home / "vtab", *TASKS)
    prepare(home / "vtab", "svhn", complete=False)
    rows = [result(name, task) for name in ("my encoder", "stat-wmm", "stylegan-oriented")
            for task in ("imagenet100", *(f"vtab-{name}" for name in TASKS if name != "svhn"))]
    said = steps(rows, home)
    assert len(said) == 1 and said[0].startswith("18 of 19 tasks of VTAB are prepared")


def test_encoders_that_compare_evaluates(tmp_path, call):
    files = ["three/seed-0/encoder.pth", "three/seed-1/encoder.pth", "three/seed-2/encoder.pth",
             "moco/checkpoint_0199.pth.tar", "noise/deeper/encoder.pth"]
    for file in files:
        (tmp_path / "encoders" / file).parent.mkdir(parents=True)
        (tmp_path / "encoders" / file).touch()
    (tmp_path / "data" / "imagenet100" / "train").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    for seed in (0, 2):
        (tmp_path / "results" / f"{seed}.json").write_text(json.dumps(result("three", seed=seed)))
    lines = call("--encoders", "encoders").splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["deeper", "-"], ["moco", "-"], ["three", "paper"]]
    assert lines[4:6] == ["", "3 of 5 encoders lack ImageNet-100 (GPU 0, or cpu):"]


def test_two_encoders_of_one_name_are_said(home, call):
    (home / "encoders" / "again" / "stat-wmm").mkdir(parents=True)
    (home / "encoders" / "again" / "stat-wmm" / "encoder.pth").touch()
    assert "are both called stat-wmm, seed 0; rename a folder" in call("--encoders", "encoders")


def test_nothing_there_yet(call):
    out = call()
    assert out.startswith("encoders/small_scale is not there; pass encoder files")
    assert "ImageNet-100 is not there" in out and "0 of 19 tasks" in out


def test_the_command_needs_no_torch(home, start):
    (home / "results" / "vtab").mkdir(parents=True)
    (home / "results" / "vtab" / "a.json").write_text(json.dumps(result("stat-wmm", "vtab-dtd")))
    arguments = [part for name in ("results", "encoders", "vtab", "imagenet100") for part in (f"--{name}", home / name)]
    process = start(["-X", "importtime", "-m", "linear_eval.status", *arguments])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "stat-wmm           -            paper 1/7  -            -" in out
    assert "torch" not in err and "linear_eval.tables.published" in err


def test_damaged_result_is_one_line(home, start):
    (home / "results").mkdir()
    (home / "results" / "a.json").write_text('{"encoder": ')
    process = start(["-m", "linear_eval.status", "--results", home / "results"])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.startswith(f"error: {home}/results/a.json is not valid JSON")
    assert err.count("\n") == 1
