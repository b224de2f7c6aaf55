"""SIGKILL at random moments of a generation and of whole experiments: the same command finishes with the same files.

Downloads and extractions have the same test, tests/datasets/test_released_images.py; docs/kills.md says what was seen.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .test_experiments import RUN, TOY, killed, products, real  # noqa: F401 (a fixture)
from .test_scripts import ROOT, bash


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


@pytest.mark.slow
def test_generations_killed_25_times(tmp_path):
    moments, environment = random.Random(0), {"SAMPLES": "4000", "WORKERS": "2", "OPTIONS": "--resolution 64"}
    script, kills, finished = ROOT / "scripts/generate_datasets/dead_leaves.sh", 0, 0
    whole = products_of(script, tmp_path / "whole", environment)
    while kills < 25:
        folder = tmp_path / f"cut{finished}"
        folder.mkdir(exist_ok=True)
        if killed(["bash", script, "dead_leaves-mixed"], folder, after(moments.uniform(0.5, 6)), **environment):
            kills += 1
        else:
            finished += 1
    for number in range(finished + 1):
        assert products_of(script, tmp_path / f"cut{number}", environment) == whole
    assert not list(tmp_path.rglob("*.tmp"))
    print(f"\n{kills} kills; {finished + 1} folders of 4,000 images were finished, all with the same files")


def products_of(script: Path, folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """What the script makes in `folder`, once it has ended well."""
    folder.mkdir(exist_ok=True)
    done = bash(script, "dead_leaves-mixed", cwd=folder, **environment)
    assert done.returncode == 0, done.stderr
    return products(folder)


@pytest.mark.slow
def test_experiments_killed_25_times(tmp_path, real):  # noqa: F811
    moments, kills, finished = random.Random(1), 0, 0
    (tmp_path / "whole").mkdir()
    done = bash(RUN, "dead_leaves-mixed", "cpu", cwd=tmp_path / "whole", **TOY, **real)
    assert done.returncode == 0, done.stderr
    while kills < 25:
        folder = tmp_path / f"cut{finished}"
        folder.mkdir(exist_ok=True)
        if killed(["bash", RUN, "dead_leaves-mixed", "cpu"], folder, after(moments.uniform(2, 40)), **TOY, **real):
            kills += 1
        else:
            finished += 1
    for number in range(finished + 1):
        done = bash(RUN, "dead_leaves-mixed", "cpu", cwd=tmp_path / f"cut{number}", **TOY, **real)
        assert done.returncode == 0, done.stderr
        assert products(tmp_path / f"cut{number}") == products(tmp_path / "whole")
    print(f"\n{kills} kills; {finished + 1} experiments were finished, all with the same images, encoder and results")
