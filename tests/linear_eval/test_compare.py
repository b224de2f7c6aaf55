"""The comparison of many encoders: every row once, what is there left alone."""

import json
import os
import sys
from collections.abc import Sequence

import pytest

from linear_eval import compare
from linear_eval.features.find import find_encoders
from models import random_encoder, save_encoder
from tests.files import user_error

WIDTH = 1 / 32


@pytest.fixture
def runs(tmp_path):
    for name, seed in (("b", 0), ("a", 0), ("a", 1)):
        folder = tmp_path / "runs" / name / f"seed-{seed}"
        folder.mkdir(parents=True)
        save_encoder(random_encoder(10 + seed, WIDTH), folder / "encoder.pth")
    return tmp_path / "runs"


@pytest.fixture
def task(tmp_path, make_images):
    """20 train and 6 val images of two classes."""
    for split, count in (("train", 10), ("val", 3)):
        for name in ("cat", "dog"):
            make_images(tmp_path / "task" / split / name, count, seed=len(split) + len(name))
    return tmp_path / "task"


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Compares `encoders` on `data`; the results go to `out`."""
    def command(data, *encoders, options: Sequence[object] = ("--random-inits", 1)) -> int | None:
        arguments = ["--data", data, "--encoders", *encoders, "--output", tmp_path / "out", *options, "--gpus"]
        monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments)])
        return compare.main()

    return command


def test_runs_are_found_by_seed_then_name(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    assert [(name, seed) for name, seed, _ in find_encoders([str(runs)])] == [("a", 0), ("b", 0), ("a", 1)]
    user_error("no encoders", lambda: find_encoders([str(tmp_path / "empty")]))


def test_random_initialisations_at_every_width(runs, task, call, tmp_path, monkeypatch):
    save_encoder(random_encoder(0, 2 * WIDTH), runs / "b/seed-0/encoder.pth")
    monkeypatch.setattr(compare, "evaluate", lambda task, row, **_: [row.facts])
    call(task, runs)
    results = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("random-init-*.json"))]
    assert [result["width"] for result in results] == [WIDTH, 2 * WIDTH]


def test_every_row_is_probed_once_and_results_are_not_done_again(runs, task, call, tmp_path, capsys):
    options = ["--train-limit", 6, 12, "--random-inits", 2]
    call(task, runs, options=options)
    files = sorted((tmp_path / "out").glob("*.json"))
    assert len(files) == 2 * (3 + 3 + 2)  # train sizes x (baselines + encoders + random initialisations)
    results = {path.stem: json.loads(path.read_text()) for path in files}
    assert results["a-seed-1-cached-6"]["encoder"] == "a" and results["a-seed-1-cached-6"]["seed"] == 1
    assert results["a-seed-1-cached-6"]["counts"]["train"] == 6
    assert results["random-init-0.03125-seed-1-cached-12"]["init_seed"] == 1
    assert results["random-init-0.03125-seed-0-cached-6"]["width"] == WIDTH

    kept = {path: path.stat().st_mtime_ns for path in files}
    (tmp_path / "out/b-seed-0-cached-6.json").unlink()
    call(task, runs, options=options)
    assert "8 rows of task by cached, 1 of them probed now" in capsys.readouterr().out
    again = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.json"))}
    assert set(again) == set(kept) and sum(again[path] != kept[path] for path in kept) == 1

    save_encoder(random_encoder(20, WIDTH), runs / "b/seed-0/encoder.pth")  # trained anew: the results are of another
    (runs / "c/seed-0").mkdir(parents=True)
    (runs / "c/seed-0/encoder.pth").write_bytes(b"cut off")
    (tmp_path / "out/a-seed-0-cached-12.json").unlink()
    capsys.readouterr()
    assert call(task, runs, options=options) == 1
    out, err = capsys.readouterr()
    assert "b-seed-0-cached-6.json holds another result (encoder_sha256 was" in err
    assert "c/seed-0/encoder.pth is not a" in err and err.count("error: ") == 3
    assert "1 of them probed now" in out  # neither keeps the others from it
    options += ["--layer", "fc7"]
    assert call(task, runs, options=options) == 1 and "layer was 'fc6', now 'fc7'" in capsys.readouterr().err


def test_another_kind_of_encoder_has_its_own_random_initialisations(runs, task, call, tmp_path, monkeypatch):
    """In one folder, one after another, or together: the same files."""
    wide = tmp_path / "wide" / "d" / "encoder.pth"
    wide.parent.mkdir(parents=True)
    save_encoder(random_encoder(0, 2 * WIDTH), wide)
    monkeypatch.setattr(compare, "evaluate", lambda task, row, **_: [{**row.facts, "accuracy": 1}])
    monkeypatch.setattr(compare, "finished", lambda path, expected: path.exists() or None)
    written = []
    for sources in ([runs], [wide.parents[1]], [runs, wide]):
        call(task, *sources)
        written.append({path.name for path in (tmp_path / "out").glob("random-init-*")})
    assert written[0] == {"random-init-0.03125-seed-0-cached-20.json"}
    assert written[1] == written[2] == written[0] | {"random-init-0.0625-seed-0-cached-20.json"}


def test_an_encoder_whose_name_is_not_utf_8_keeps_no_other_from_the_work(runs, folder, call, tmp_path, capsys):
    (runs / "a").rename(runs / os.fsdecode(b"caf\xe9"))
    assert call(folder, runs, options=["--random-inits", 0, "--protocol", "knn"]) == 1
    assert (tmp_path / "out/b-seed-0-knn-24.json").exists()
    err = capsys.readouterr().err
    assert err.count("is not UTF-8; rename its folder") == err.count("error: ") == 2  # seeds


def test_one_file_spelt_in_two_ways_is_one(runs, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert len(find_encoders(["runs", "./runs/a/seed-0/encoder.pth", str(runs / "b")])) == 3


@pytest.mark.parametrize("names", [("my set", "my-set"), ("raw pixels",), ("raw-pixels",), ("random-init-0.03125",)])
def test_results_that_would_go_to_one_file_are_refused_before_any_work(names, folder, call, tmp_path):
    for seed, name in enumerate(names):
        (tmp_path / "own" / name).mkdir(parents=True)
        save_encoder(random_encoder(seed, WIDTH), tmp_path / "own" / name / "encoder.pth")
    said = rf"{names[-1]}.* would both go to {names[-1].replace(' ', '-')}-seed-0-"
    user_error(said, call, folder, tmp_path / "own")
    assert not (tmp_path / "out").exists()
