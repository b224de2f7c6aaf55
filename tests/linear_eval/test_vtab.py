"""Many tasks and many encoders by one command."""

import json
import sys

import pytest
import torch

from linear_eval import vtab
from linear_eval.probes import cached
from models import ResNet50, random_encoder, save_encoder
from tests.files import user_error

WIDTH = 1 / 32


@pytest.fixture
def encoders(tmp_path):
    for name in ("stat-wmm", "dead_leaves-mixed"):
        folder = tmp_path / "encoders" / name
        folder.mkdir(parents=True)
        save_encoder(random_encoder(len(name), WIDTH), folder / "encoder.pth")
    return tmp_path / "encoders"


@pytest.fixture
def root(tmp_path, make_images):
    """Two prepared tasks of three classes, and one that was not finished."""
    for name in ("dtd", "svhn", "eurosat"):
        for split, count in (("train", 6), ("val", 2)):
            for label in range(3):
                make_images(tmp_path / "vtab" / name / split / f"{label:04d}", count, seed=label)
        if name != "eurosat":
            record = {"name": f"vtab-{name}", "count": 18, "val": 6, "route": "shards", "complete": False}
            (tmp_path / "vtab" / name / "dataset.json").write_text(json.dumps(record))
    return tmp_path / "vtab"


@pytest.fixture
def call(root, encoders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cached, "COARSE", (0, -1))  # 3,072 raw pixels make the whole path slow

    def command(*arguments: object, root=root, encoders=encoders) -> None:
        monkeypatch.setattr(sys, "argv", ["vtab", str(encoders), "--root", str(root), *map(str, arguments), "--gpus"])
        vtab.main()

    return command


def test_every_encoder_on_every_task_that_is_ready(call, tmp_path, capsys):
    call("--protocol", "cached", "knn", "--train-limit", 12)
    out = capsys.readouterr().out
    assert "eurosat: not ready" in out and "cifar100: not ready" in out
    results = {path.relative_to(tmp_path / "results/vtab").as_posix(): json.loads(path.read_text())
               for path in (tmp_path / "results/vtab").rglob("*.json")}
    assert len(results) == 2 * 2 * (3 + 2 + 1)  # tasks x protocols x (baselines + encoders + random initialisation)
    result = results["vtab-dtd/stat-wmm-seed-0-knn-12.json"]
    assert (result["task"], result["encoder"], result["selection"]) == ("vtab-dtd", "stat-wmm", "uniform")
    assert result["counts"] == {"train": 12, "train_available": 18, "val": 6, "classes": 3}
    assert result["task_complete"] is False
    kept = sorted((tmp_path / "runs/features").glob("*.npy"))
    assert len(kept) == 2 * 2 * 3  # tasks x splits x networks: the protocols share them

    call("--protocol", "cached", "knn", "--train-limit", 12)
    again = [line for line in capsys.readouterr().out.splitlines() if "probed now" in line]
    assert len(again) == 4 and all(" 0 probed now" in line for line in again)


def test_a_limit_above_a_task_takes_all_of_it(call, tmp_path):
    call("--tasks", "svhn", "--protocol", "knn")
    result = json.loads((tmp_path / "results/vtab/vtab-svhn/stat-wmm-seed-0-knn-18.json").read_text())
    assert result["selection"] == "all" and result["counts"]["train"] == 18
    assert [path.name for path in (tmp_path / "results/vtab").iterdir()] == ["vtab-svhn"]


def test_a_protocol_that_is_not_for_an_encoder_is_refused_before_any_work(call, encoders, tmp_path):
    weights = {f"module.encoder_q.{name}": tensor for name, tensor in ResNet50().state_dict().items()}
    (encoders / "moco").mkdir()
    torch.save({"state_dict": weights}, encoders / "moco/checkpoint_0199.pth.tar")
    user_error("moco sees 224×224: use --protocol cached or knn", call, "--protocol", "knn", "paper")
    assert not (tmp_path / "results").exists()


def test_nothing_is_ready(call, tmp_path):
    user_error(r"none of the tasks is ready in .*; see python -m datasets.vtab status", call, root=tmp_path / "none")
    user_error("none of the tasks is ready", call, "--tasks", "eurosat")


def test_encoders_that_are_not_there(call, tmp_path):
    user_error(r"none is not there; pass encoder files", call, encoders=tmp_path / "none")
