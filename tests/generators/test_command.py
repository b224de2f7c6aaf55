"""The command lines, as a user starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generators.dead_leaves import DeadLeaves
from generators.named import named_datasets

ROOT = Path(__file__).parents[2]


def python(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, **environment}, timeout=120)


def test_list_names_every_dataset():
    result = python("generators", "list")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[e.name, e.figure] for e in named_datasets().values()]


def test_a_process_module_runs_on_its_own(tmp_path):
    result = python("generators.dead_leaves", "--shape", "triangle", "--resolution", 24, "--samples", 60,
                    "--workers", 2, "--format", "png", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "made 60 images" in result.stdout.splitlines()[-1] and str(tmp_path / "out") in result.stdout
    record = json.loads((tmp_path / "out/dataset.json").read_text())
    assert record["process"] == "DeadLeaves" and record["parameters"]["shape"] == "triangle"
    expected = DeadLeaves("triangle", resolution=24).render([59])[0]
    np.testing.assert_array_equal(Image.open(tmp_path / "out/train/00000000/00000059.png"), expected)


def test_a_named_dataset_is_written_and_then_left_alone(tmp_path):
    command = ["generators", "stat-spectrum", "--resolution", 16, "--samples", 3, "--workers", 1,
               "--output", tmp_path / "o"]
    assert "made 3 images" in python(*command).stdout and "nothing to do" in python(*command).stdout


@pytest.mark.parametrize("arguments, environment, said", [
    (["nonsense"], {}, "dead_leaves-squares"),
    (["stat-spectrum", "--samples", "0"], {}, "at least 1"),
    (["stat-wmm", "--model", "spectrum_color"], {}, "see python -m generators stat-wmm --help"),
    (["feature_vis-dead_leaves"], {}, "pass --encoder"),
    (["stat-spectrum", "--samples", "3"], {"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2"),
    (["stat-spectrum", "--samples", "3"], {"RANK": "x"}, "RANK=x")])
def test_mistakes_end_in_one_line(tmp_path, arguments, environment, said):
    result = python("generators", *arguments, "--output", tmp_path / "o", **environment)
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert said in result.stderr.splitlines()[-1] and not (tmp_path / "o").exists()
