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


def kill_25_times(folder: Path, command: list[object], earliest: float, latest: float, **environment: str) -> None:
    """At moments between these seconds; where a run ended before, the next begins in a folder of its own."""
    def finish(name: str) -> dict[str, object]:
        (folder / name).mkdir(exist_ok=True)
        done = bash(*command, cwd=folder / name, **environment)
        assert done.returncode == 0, done.stderr
        return products(folder / name)

    moments, kills, finished, whole = random.Random(0), 0, 0, finish("whole")
    while kills < 25:
        here = folder / f"cut{finished}"
        here.mkdir(exist_ok=True)
        if killed(["bash", *command], here, after(moments.uniform(earliest, latest)), **environment):
            kills += 1
        else:
            finished += 1
    assert all(finish(f"cut{number}") == whole for number in range(finished + 1))
    print(f"\n{kills} kills; {finished + 1} folders were finished, all with the same images, encoders and results")


@pytest.mark.slow
def test_generations_killed_25_times(tmp_path):
    script = ROOT / "scripts/generate_datasets/dead_leaves.sh"
    kill_25_times(tmp_path, [script, "dead_leaves-mixed"], 0.5, 6, SAMPLES="4000", WORKERS="2",
                  OPTIONS="--resolution 64")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.slow
def test_experiments_killed_25_times(tmp_path, real):  # noqa: F811
    kill_25_times(tmp_path, [RUN, "dead_leaves-mixed", "cpu"], 2, 40, **TOY, **real)
