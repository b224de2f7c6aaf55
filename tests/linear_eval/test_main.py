"""The command, run as a person runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from linear_eval import __main__ as command
from linear_eval.probes import cached
from linear_eval.results import read_results
from models import random_encoder, save_encoder
from tests.files import user_error
from utils.cli import UserError, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Features are kept in the working folder."""
    monkeypatch.chdir(tmp_path)


def call(monkeypatch, *arguments: object) -> None:
    """Run the command in this process, which saves importing torch."""
    monkeypatch.setattr(sys, "argv", ["linear_eval", *map(str, arguments), "--gpus"])
    command.main()


@pytest.fixture
def encoder(tmp_path) -> Path:
    save_encoder(random_encoder(0, width=0.05), tmp_path / "noise.pth")
    return tmp_path / "noise.pth"


def test_result_and_repetition(folder, encoder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cached, "COARSE", (0, -1))  # 3,072 raw pixels make the whole path slow
    output = tmp_path / "results" / "noise.json"
    arguments = ("--data", folder, "--encoder", encoder, "--output", output, "--baselines", "--train-limit", 12)
    call(monkeypatch, *arguments)
    result = json.loads(output.read_text())
    assert (result["encoder"], result["task"], result["counts"]["train"]) == ("noise", "photos", 12)
    assert [row["encoder"] for row in result["baselines"]] == ["random initialisation", "raw pixels", "mean colours",
                                                               "colour histogram"]
    assert result["baselines"][0]["width"] == result["width"]
    first, written = capsys.readouterr().out.splitlines(), output.stat().st_mtime_ns
    call(monkeypatch, *arguments)
    assert capsys.readouterr().out.splitlines() == first[-5:] and output.stat().st_mtime_ns == written
    assert [path.name for path in output.parent.iterdir()] == ["noise.json"]


@pytest.mark.parametrize(("changed", "said"), [
    (("--seed", 1), "seed was 0, now 1"),
    (("--layer", "fc7"), "layer was 'fc6', now 'fc7'"),
    (("--precision", "bfloat16"), "precision was 'float32', now 'bfloat16'"),
    (("--train-limit", 9), r"counts(\.train)? was"),
    (("--baselines",), "without --baselines")])
def test_another_result_is_never_overwritten(folder, encoder, tmp_path, monkeypatch, changed, said):
    arguments = ("--data", folder, "--encoder", encoder, "--output", tmp_path / "result.json", "--precision", "float32")
    call(monkeypatch, *arguments)
    before = (tmp_path / "result.json").read_bytes()
    user_error(said, call, monkeypatch, *arguments, *changed)
    assert (tmp_path / "result.json").read_bytes() == before


def test_other_images_under_the_same_names_are_another_task(folder, tmp_path, monkeypatch):
    """Two images exchanged, with their sizes and times: the result that is there is not printed for them."""
    arguments = ("--data", folder, "--baseline", "mean colours", "--output", tmp_path / "result.json")
    call(monkeypatch, *arguments)
    call(monkeypatch, *arguments)
    red, blue = folder / "train/red/0.png", folder / "train/blue/0.png"
    red.rename(tmp_path / "kept")
    blue.rename(red)
    (tmp_path / "kept").rename(blue)
    user_error(r"holds another result \(contents_sha256 was", call, monkeypatch, *arguments)


@pytest.mark.slow
def test_paper_protocol_from_the_command_line(folder, tmp_path):
    """All 100 epochs, with worker processes (in a process of its own: forking from pytest's threads warns)."""
    output = tmp_path / "paper.json"
    done = subprocess.run([sys.executable, "-m", "linear_eval", "--gpus", "--data", str(folder), "--baseline",
                           "raw pixels", "--protocol", "paper", "--output", str(output)], cwd=ROOT, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert result["protocol"] == "paper" and result["probe"]["epochs"] == 100 and result["accuracy"] > 90


# Each: what is done to the folder, further arguments, and what the one line must say.
BAD = {
    "missing folder": (shutil.rmtree, (), "is not there"),
    "train without val": (lambda f: shutil.rmtree(f / "val"), (), "val is not there"),
    "classes differ": (lambda f: (f / "val" / "red").rename(f / "val" / "crimson"), (), "'red' only in train"),
    "empty class": (lambda f: [p.unlink() for p in (f / "val" / "red").iterdir()], (), "no images"),
    "corrupt image": (lambda f: (f / "train" / "red" / "1.png").write_bytes(b"no image"), (), "red/1.png"),
    "fewer than classes": (None, ("--train-limit", "2"), "3 classes"),
    "limit too large": (None, ("--train-limit", "25"), "more than the 24"),
    "one image a class": (None, ("--train-limit", "3"), "at least one class"),
    "no such GPU": (None, ("--gpus", "99"), "GPU 99 is not there")}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(folder, tmp_path, monkeypatch, case):
    spoil, further, said = BAD[case]
    if spoil:
        spoil(folder)
    with pytest.raises(UserError, match=said) as error:
        monkeypatch.setattr(sys, "argv", ["linear_eval", "--gpus", "--data", str(folder), "--baseline", "mean colours",
                                          "--output", str(tmp_path / "result.json"), *further])
        command.main()
    assert "\n" not in str(error.value) and not (tmp_path / "result.json").exists()


def test_wrong_checkpoint(folder, tmp_path, monkeypatch):
    (tmp_path / "encoder.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"encoder\.pth"):
        call(monkeypatch, "--data", folder, "--encoder", tmp_path / "encoder.pth", "--output", tmp_path / "result.json")
    assert not (tmp_path / "result.json").exists()


def test_unwritable_output_is_noticed_before_the_work(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    (folder / "val" / "red" / "0.png").write_bytes(b"never read")
    output = tmp_path / "file" / "result.json"
    with pytest.raises(SystemExit) as exit:
        run(lambda: call(monkeypatch, "--data", folder, "--baseline", "raw pixels", "--output", output))
    assert exit.value.code == 1 and capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}: ")


def test_output_that_is_something_else_is_left_alone(folder, tmp_path, monkeypatch):
    for content in ('{"name": "mine"}', "[1, 2]", "not JSON"):
        (tmp_path / "notes.json").write_text(content)
        with pytest.raises(UserError, match=r"notes\.json"):
            call(monkeypatch, "--data", folder, "--baseline", "raw pixels", "--output", tmp_path / "notes.json")
        assert (tmp_path / "notes.json").read_text() == content
    user_error("is a folder", call, monkeypatch, "--data", folder, "--baseline", "raw pixels", "--output", tmp_path)


@pytest.mark.parametrize(("fact", "value"), [
    ("accuracy", float("nan")), ("accuracy", "40"), ("standard_error", "1"), ("baselines", [{"accuracy": 3}]),
    ("baselines", [None]), ("seed", -1)])
def test_a_result_that_was_edited_is_one_line(folder, tmp_path, monkeypatch, fact, value):
    arguments = ("--data", folder, "--baseline", "mean colours", "--output", tmp_path / "result.json")
    call(monkeypatch, *arguments)
    result = json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(result | {fact: value}))
    user_error(r"result\.json (has|is not)", call, monkeypatch, *arguments)


def test_seeds_are_those_that_tables_take(folder, tmp_path, monkeypatch, capsys):
    arguments = ("--data", folder, "--baseline", "mean colours", "--output", tmp_path / "result.json", "--seed")
    for seed in ("-1", "1.5", "9" * 5000):
        with pytest.raises(SystemExit):
            call(monkeypatch, *arguments, seed)
        assert "error: argument --seed: " in capsys.readouterr().err
    call(monkeypatch, *arguments, 10**30)
    assert read_results([tmp_path / "result.json"])[0]["seed"] == 10**30
