"""The comparison of many encoders: every row once, what is there left alone."""

import json
import sys

import pytest

from linear_eval import compare
from models import random_encoder, save_encoder
from utils.cli import UserError

WIDTH = 1 / 32


@pytest.fixture
def runs(tmp_path):
    for name, seed in (("b", 0), ("a", 0), ("a", 1)):
        folder = tmp_path / "runs" / name / f"seed-{seed}"
        folder.mkdir(parents=True)
        save_encoder(random_encoder(10 + seed, WIDTH), folder / "encoder.pth")
    return tmp_path / "runs"


def test_runs_are_found_by_seed_then_name(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    assert [(name, seed) for name, seed, _ in compare.find_encoders([str(runs)])] == [("a", 0), ("b", 0), ("a", 1)]
    with pytest.raises(UserError, match="no encoders"):
        compare.find_encoders([str(tmp_path / "empty")])


def test_random_initialisations_at_every_width(runs, tmp_path, monkeypatch, make_images):
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            make_images(tmp_path / "task" / split / name, 4, seed=len(split) + len(name))
    save_encoder(random_encoder(0, 2 * WIDTH), runs / "b/seed-0/encoder.pth")
    monkeypatch.setattr(compare, "evaluate", lambda task, row, **_: [row.facts])
    arguments = ["--data", tmp_path / "task", "--encoders", runs, "--output", tmp_path / "out", "--random-inits", 1]
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments), "--gpus"])
    compare.main()
    results = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("random-init-*.json"))]
    assert [result["width"] for result in results] == [round(WIDTH, 3), round(2 * WIDTH, 3)]


def test_every_row_is_probed_once_and_results_are_not_done_again(runs, tmp_path, monkeypatch, make_images, capsys):
    for split, count in (("train", 10), ("val", 3)):
        for name in ("cat", "dog"):
            make_images(tmp_path / "task" / split / name, count, seed=len(split) + len(name))
    arguments = ["--data", tmp_path / "task", "--encoders", runs, "--output", tmp_path / "out", "--train-limit", 6, 12,
                 "--random-inits", 2, "--gpus"]
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments)])
    compare.main()
    files = sorted((tmp_path / "out").glob("*.json"))
    assert len(files) == 2 * (3 + 3 + 2)  # train sizes x (baselines + encoders + random initialisations)
    results = {path.stem: json.loads(path.read_text()) for path in files}
    assert results["a-seed-1-cached-6"]["encoder"] == "a" and results["a-seed-1-cached-6"]["seed"] == 1
    assert results["a-seed-1-cached-6"]["counts"]["train"] == 6
    assert results["random-init-seed-1-cached-12"]["init_seed"] == 1
    assert results["random-init-seed-0-cached-6"]["width"] == pytest.approx(WIDTH, abs=1e-3)

    kept = {path: path.stat().st_mtime_ns for path in files}
    (tmp_path / "out/b-seed-0-cached-6.json").unlink()
    compare.main()
    assert "8 rows of task by cached, 1 of them probed now" in capsys.readouterr().out
    again = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.json"))}
    assert set(again) == set(kept)
    assert sum(again[path] != kept[path] for path in kept) == 1

    save_encoder(random_encoder(20, WIDTH), runs / "b/seed-0/encoder.pth")  # trained anew: the results are of another
    with pytest.raises(UserError, match=r"b-seed-0-cached-6\.json holds another result \(encoder_sha256 was"):
        compare.main()
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--layer", "fc7"])
    with pytest.raises(UserError, match="layer was 'fc6', now 'fc7'"):
        compare.main()
