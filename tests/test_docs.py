"""README and docs: every command is understood, every block of Python runs, every link leads somewhere, and tables are
those of the result files.

Commands are started in this process, which saves importing torch for each, and end where their work would begin. Those
of the README's four systems run at toy size, those of docs/results.md as they are; what else commands do has tests in
their rooms, and scripts/experiments/smoke.sh runs every script.
"""

import glob
import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from generators.named import named_datasets
from linear_eval import gap, ranking, report
from models import random_encoder, save_encoder
from tests.datasets.sound.recordings import fsdd
from tests.documents import PAGES, ROOT, anchors, blocks, commands, links
from train_distillation.evaluation import tables as robust_tables
from train_ica import tables as ica_tables
from utils.cli import Parser

RUN_BY_A_TEST = {"README.md": 2, "docs/modalities.md": 1, "docs/processes.md": 1}  # blocks of Python


TOY = {  # what makes a command of the README's four systems take a moment; of an option's two values the last counts
    "train_align_uniform": "--samples 8 --batch_size 4 --steps 1 --width 0.02 --workers 1 --gpus",
    "linear_eval": "--protocol knn --gpus",
    "train_viewmaker": "--batch_size 4 --steps 1 --width 0.125 --view_width 0.1 --view_blocks 1 --gpus",
    "train_distillation": "--teacher runs/leaves/encoder.pth --batch_size 4 --steps 1 --gpus",
    "train_ica": "--batch_size 16 --steps 2 --score_samples 256 --gpus",
}


class Parsed(BaseException):
    """A command has understood its arguments, and its work would begin."""


@pytest.fixture
def checkers(tmp_path, monkeypatch):
    """The process that the README shows, in a file on the path."""
    (tmp_path / "checkers.py").write_text(blocks("README.md", "python")[1])
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def understood(checkers, monkeypatch):
    """Starts modules as `python -m` does, up to where their arguments are parsed. Fails if one refuses them."""
    parse_args = Parser.parse_args

    def and_no_further(self, *arguments):
        parse_args(self, *arguments)
        raise Parsed

    monkeypatch.setattr(Parser, "parse_args", and_no_further)
    monkeypatch.chdir(ROOT)

    return lambda module, arguments: started(monkeypatch, module, arguments)


def started(monkeypatch: pytest.MonkeyPatch, module: str, arguments: Sequence[str]) -> None:
    """`python -m module arguments` in this process. Fails if that would not exit with 0."""
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with warnings.catch_warnings(), pytest.raises((Parsed, SystemExit)) as info:
        warnings.simplefilter("ignore", RuntimeWarning)  # of runpy, that a module was imported before
        runpy.run_module(module, run_name="__main__")
    assert isinstance(info.value, Parsed) or info.value.code == 0


def scripts_help(script: str) -> None:
    """A script that describes itself opens with commands that run it."""
    text = (ROOT / script).read_text()
    if "help_if_asked" in text:
        said = subprocess.run(["bash", script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"bash {script}" in said
    else:
        subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_understood(page, understood):
    for command in commands(page):
        program, *rest = command.words
        if program == "torchrun":
            from torch.distributed.run import get_args_parser
            args = get_args_parser().parse_args(rest)
            assert args.module
            program, rest = "python", ["-m", args.training_script, *args.training_script_args]
        if program == "python" and rest[0] == "-m":
            if command.alone or rest[2:]:
                understood(rest[1], rest[2:])
            else:
                assert importlib.util.find_spec(rest[1]), command
        elif program in ("bash", "sbatch"):
            scripts_help(next(word for word in rest if not word.startswith("-")))
        else:
            assert (program, rest[0]) == ("pip", "install"), f"{command}: how can a test know whether it is right?"


def test_a_command_that_is_not_understood_is_noticed(understood, capsys):
    with pytest.raises(AssertionError):
        understood("linear_eval", ["--data", "DIR", "--random-init", "--output", "FILE", "--layr", "fc6"])
    assert "--layr" in capsys.readouterr().err


def test_the_four_systems_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(16):
        folder = tmp_path / "PHOTOS" / ("train", "val")[i % 2] / "ab"[i // 8]
        folder.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((64, 64), 10 + i).convert("RGB").save(folder / f"{i}.png")
    ran = [words[2:] for words, alone in commands("README.md") if not alone and words[2:3] and words[2] in TOY]
    for module, *arguments in ran:
        started(monkeypatch, module, [*arguments, *TOY[module].split()])
    assert {module for module, *_ in ran} == TOY.keys()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), link
        name = os.path.relpath(target, ROOT)
        assert not anchor or anchor in anchors(name), f"{link}: {sorted(anchors(name))}"


def test_every_page_can_be_reached():
    linked = {os.path.relpath((ROOT / page).parent / link.partition("#")[0], ROOT)
              for page in PAGES for link in links(page)}
    assert PAGES.keys() - {"README.md"} <= linked


def test_the_commands_of_results_make_what_is_committed(tmp_path, monkeypatch, end):
    """Those that read result files alone. Pictures are drawn and not compared: pixels differ by version."""
    for folder in ("results", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    modules = {"linear_eval.report": report, "linear_eval.ranking": ranking, "linear_eval.gap": gap,
               "train_ica.tables": ica_tables, "train_distillation.evaluation.tables": robust_tables}
    for _, _, module, *arguments in (command.words for command in commands("docs/results.md")
                                     if command.words[2:] and command.words[2] in modules):
        expanded = [path for word in arguments for path in (sorted(glob.glob(word)) if "*" in word else [word])]
        monkeypatch.setattr(sys, "argv", [module, *expanded])
        assert end(modules[module].main)[0] == 0
    written = ["docs/results.md", "results/photos/table.md", "results/photos/table.csv", "results/photos/ranking.md",
               "results/latent_recovery/table.md", "results/robust_student/table.md"]
    for file in written:
        assert (tmp_path / file).read_text() == (ROOT / file).read_text(), f"{file}: run docs/results.md's commands"


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 180


def test_the_table_of_datasets_is_the_list():
    shown = re.findall(r"^\| ([a-r-]) \| `([a-z0-9_-]+)` \|", PAGES["README.md"], re.M)
    assert shown == [(entry.figure, name) for name, entry in named_datasets().items()]


def test_the_citation_is_yaml():
    assert len(yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]) == 5


def test_every_block_of_python_has_a_test_below():
    assert {page: len(found) for page in PAGES if (found := blocks(page, "python"))} == RUN_BY_A_TEST


def test_the_readmes_loop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_encoder(random_encoder(0, 1 / 96), tmp_path / "encoder.pth")
    code = blocks("README.md", "python")[0]
    for full, small in (("s=10_000", "s=4"), ("batch_size=128", "batch_size=2"), ("num_workers=2", "num_workers=0")):
        assert full in code
        code = code.replace(full, small)
    said = {"REPO": str(ROOT), "photo": Image.new("RGB", (80, 90))}
    exec(code, said)
    assert said["x"].shape == said["y"].shape == (2, 3, 64, 64) and said["features"].shape == (1, 43)


def test_the_readmes_process(checkers):
    process = importlib.import_module("checkers").Checkerboard(resolution=64)
    some = process.render([3, 5])
    assert some.shape == (2, 64, 64, 3) and some.dtype == np.uint8
    assert len(np.unique(some[0].reshape(-1, 3), axis=0)) == 2
    assert (some[1] == process.render([5])[0]).all()


def test_views_of_stored_sound(tmp_path, end, monkeypatch):
    from datasets.sound import __main__ as sound
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sound", "fsdd", "--source", str(fsdd(tmp_path / "recordings")), "--output",
                                      "data/fsdd", "--size", "16"])
    assert end(sound.main)[0] == 0
    [code] = blocks("docs/modalities.md", "python")
    said = {"np": np, "torch": torch, "seed": 0, "epoch": 0}
    exec(code.replace("np.arange(128)", "np.arange(8)"), said)
    assert said["x1"].shape == said["x2"].shape == said["x"].shape and (said["x1"] != said["x2"]).any()


def test_the_example_of_a_new_process_of_the_repository(tmp_path):
    """Its command, in a copy of the rooms that it takes."""
    [code], [entry] = blocks("docs/processes.md", "python"), blocks("docs/processes.md", "yaml")
    assert len(code.splitlines()) < 30
    for room in ("generators", "datasets", "utils"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "generators" / "checkerboard.py").write_text(code)
    with open(tmp_path / "generators" / "datasets.yaml", "a") as file:
        file.write("\n" + entry)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for command in (["generators", "checkerboard", "--samples", "3", "--output", "named", "--workers", "1"],
                    ["generators.checkerboard", "--samples", "3", "--output", "alone", "--workers", "1"]):
        subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, env=environment, check=True, timeout=120)
    named, alone = (sorted((tmp_path / folder).rglob("*.jpg")) for folder in ("named", "alone"))
    assert len(named) == 3 and [p.read_bytes() for p in named] == [p.read_bytes() for p in alone]
