"""The end of a run, and the same command once more when its encoder is gone."""

import json
import os
from pathlib import Path

import pytest

from utils.run_folder import RunFolder

TINY = ["--gpus", "--precision", "float32", "--width", "0.03125", "--batch_size", "8", "--steps", "2", "--lr", "0.05"]


@pytest.fixture
def arguments(trained, image_folder, tmp_path) -> list[object]:
    """A finished run's."""
    arguments = ["--data", image_folder, "--output", tmp_path / "run", *TINY]
    trained(*arguments)
    return arguments


@pytest.mark.parametrize("lose", [
    Path.unlink, lambda encoder: os.truncate(encoder, encoder.stat().st_size // 2),
    lambda encoder: encoder.write_bytes(encoder.read_bytes()[:-1] + b"x")], ids=["deleted", "cut off", "changed"])
def test_a_lost_encoder_is_exported_again(trained, arguments, tmp_path, lose):
    run = tmp_path / "run"
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    lose(run / "encoder.pth")
    said = trained(*arguments)
    assert "encoder.pth: 2 steps in " in said and "exported again from last.pth" in said
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_lost_encoder_without_its_checkpoint_is_one_line(refused, arguments, tmp_path):
    (tmp_path / "run" / "encoder.pth").unlink()
    (tmp_path / "run" / "last.pth").unlink()
    refused("cannot be exported again: ", *arguments)
    refused(f"Delete {tmp_path}/run to train again", *arguments)


def test_runs_of_the_first_release_have_no_hash(trained, arguments, tmp_path):
    run = RunFolder(tmp_path / "run")
    done = run.done()
    del done["encoder_sha256"]
    (run.path / "done.json").write_text(json.dumps(done))
    assert "encoder.pth: 2 steps in " in trained(*arguments)


@pytest.mark.parametrize("last", ['{"step": 2, "loss": NaN, "align": 1, "uniform": -1}\n', ""])
def test_metrics_without_the_last_step(refused, arguments, tmp_path, last):
    run = RunFolder(tmp_path / "run")
    (run.path / "done.json").unlink()
    run.metrics_path.write_text(run.metrics_path.read_text().splitlines(keepends=True)[0] + last)
    refused("metrics.jsonl lacks step 2", *arguments)
