"""The command as a person meets it: wrong input, signals, kills, full disks, and the same command again."""

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from unittest.mock import ANY

import pytest

from models.checkpoint import load_torch
from tests.files import contents
from train_align_uniform.__main__ import TRAINER
from training.command import command as train_command
from utils.run_folder import RunFolder

TINY = ["--gpus", "--precision", "float32", "--width", "0.03125", "--batch_size", "8", "--steps", "7", "--lr", "0.05"]


@pytest.mark.parametrize(("said", "arguments"), [
    ("22 images are fewer than one batch of 23", ["--batch_size", "23"]),
    ("names GPU 1 twice", ["--gpus", "1", "1"]),
    ("one GPU or two, not 3", ["--gpus", "0", "1", "2"]),
    ("--batch_norm joint needs both views on one device", ["--gpus", "0", "1", "--batch_norm", "joint"]),
    ("--gpus", ["--gpus", "97"]),
    ("width must lie between", ["--width", "0"]),
    ("width must lie between", ["--width", "nan"]),
    ("--temperature must be above 0", ["--loss", "nt-xent", "--temperature", "0"])])
def test_options_that_cannot_be(refused, image_folder, tmp_path, said, arguments):
    refused(said, "--data", image_folder, "--output", tmp_path / "run", *TINY, *arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [["--lr", "nan"], ["--lr", "1e39"], ["--momentum", "-1"], ["--epochs", "0"],
                                       ["--unif_t", "two"], ["--warmup_steps", "-1"], ["--learning_rate", "1"]])
def test_values_that_are_no_values_end_in_one_line(command, image_folder, tmp_path, arguments):
    code, _, err = command("--data", image_folder, "--output", tmp_path / "run", *arguments)
    assert code == 2
    assert arguments[0] in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


FIRST = "train/00000000/00000000.jpg"


@pytest.mark.parametrize(("spoil", "said"), [
    ("rm -r set", "is not a folder"), ("rm -r set; touch set", "is not a folder"), ("rm set/train/*/*", "no images in"),
    (f"truncate -s 0 set/{FIRST}", "00000000.jpg is not an image"),
    (f"truncate -s 400 set/{FIRST}", "00000000.jpg cannot be read"),
    (f"cp other/{FIRST} set/{FIRST}", "pass --resize 96"),
    ("""echo '{"name": "set", "count": 100}' > set/dataset.json""", "12 of the 100 images")])
def test_folders_that_cannot_be_trained_on(refused, make_images, tmp_path, spoil, said):
    folder = make_images(tmp_path / "set", 12)
    make_images(tmp_path / "other", 1, (50, 40))
    subprocess.run(["bash", "-ec", spoil], cwd=tmp_path, check=True)
    refused(said, "--data", folder, "--output", tmp_path / "run", *TINY)
    assert not (tmp_path / "run").exists()


def test_mixed_sizes_with_resize_and_cache(trained, make_images, tmp_path):
    folder = make_images(tmp_path / "set", 12)
    shutil.copy(make_images(tmp_path / "other", 1, (50, 40)) / FIRST, folder / FIRST)
    out = trained("--data", folder, "--output", tmp_path / "run", "--resize", "48", "--cache", tmp_path / "cache",
                  *TINY, "--steps", "1")
    assert "12 images of 48×48, 1 steps of 8 on" in out
    assert (tmp_path / "cache" / "packed-48.npy").exists() and not (folder / "packed-48.npy").exists()


@pytest.fixture(scope="module")
def whole(image_folder, tmp_path_factory) -> Path:
    """The finished run that no one interrupted."""
    output = tmp_path_factory.mktemp("whole") / "run"
    assert train_command(TRAINER, ["--data", str(image_folder), "--output", str(output), *TINY]) == 0
    return output


def test_a_finished_run_is_a_no_op(trained, whole, image_folder, monkeypatch):
    monkeypatch.setattr("training.images.sources.packed_images", None)  # it says so before it packs
    before = contents(whole)
    out = trained("--data", image_folder, "--output", whole, *TINY)
    assert out.startswith(f"{whole}/encoder.pth: 7 steps in ") and out.count("\n") == 1
    assert contents(whole) == before


def test_config_is_the_resolved_one(whole):
    config = json.loads((whole / "config.json").read_text())
    assert config["precision"] == "float32" and config["steps"] == 7
    assert config["data"] == {"shape": [22, 40, 40, 3], "resize": None, "sha256_of_contents": ANY}
    assert "/" not in json.dumps(config)  # a run folder can be moved


def test_another_option_is_refused_by_name(refused, whole, image_folder):
    before = contents(whole)
    refused("seed was 0, now 3", "--data", image_folder, "--output", whole, *TINY, "--seed", "3")
    refused("lr was 0.05, now 0.1", "--data", image_folder, "--output", whole, *TINY, "--lr", "0.1")
    assert contents(whole) == before


def test_other_data_is_refused(refused, whole, make_images, tmp_path):
    before = contents(whole)
    more, others = make_images(tmp_path / "more", 24), make_images(tmp_path / "others", 22, seed=1)
    refused("data.shape was [22, 40, 40, 3], now [24, 40, 40, 3])", "--data", more, "--output", whole, *TINY)
    refused("options (data.sha256_of_contents was '", "--data", others, "--output", whole, *TINY)
    named = make_images(tmp_path / "named", 22)
    (named / "dataset.json").write_text('{"name": "spectrum", "count": 22}')
    refused("options (data.record was None, now {...})", "--data", named, "--output", whole, *TINY)
    assert contents(whole) == before


def test_a_folder_in_use_or_with_other_files(refused, image_folder, tmp_path):
    with RunFolder.open(tmp_path / "busy", {}):
        refused("in use by another run", "--data", image_folder, "--output", tmp_path / "busy", *TINY)
    (tmp_path / "thesis.txt").write_text("years of work")
    refused("it is no run folder", "--data", image_folder, "--output", tmp_path, *TINY)
    refused("thesis.txt", "--data", image_folder, "--output", tmp_path / "thesis.txt", *TINY)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_sigterm_saves_and_the_same_command_goes_on(launch, trained, whole, image_folder, tmp_path, assert_same_run):
    output = tmp_path / "run"
    process = launch("halt=4", "--data", image_folder, "--output", output, *TINY)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate("\n")
    assert (process.returncode, err) == (143, "")
    assert "stopped at step 4 of 7 and saved; run the same command to go on" in out
    assert load_torch(output / "last.pth")["step"] == 4
    out = trained("--data", image_folder, "--output", output, *TINY)
    assert_same_run(whole, output)


def test_sigkill_then_a_full_disk_then_the_end(launch, trained, whole, image_folder, tmp_path, assert_same_run):
    output = tmp_path / "run"
    process = launch("halt=5", "--data", image_folder, "--output", output, *TINY)  # in the second epoch
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and load_torch(output / "last.pth")["step"] == 4
    process = launch("disk=50000", "--data", image_folder, "--output", output, *TINY)
    _, err = process.communicate()
    assert (process.returncode, err) == (1, f"error: {output}/last.pth: File too large\n")
    assert load_torch(output / "last.pth")["step"] == 4
    trained("--data", image_folder, "--output", output, *TINY)
    assert_same_run(whole, output)


def test_a_second_ctrl_c_ends_at_once(launch, image_folder, tmp_path):
    """The first waits for the end of a step; torchrun passes it on within milliseconds, which is no second one."""
    process = launch("halt=3", "--data", image_folder, "--output", tmp_path / "run", *TINY)
    for pause in (0.1, 1.5):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130 and load_torch(tmp_path / "run" / "last.pth")["step"] == 2


def test_training_goes_on_when_its_listener_has_left(launch, whole, image_folder, tmp_path, assert_same_run):
    process = launch("halt=3", "--data", image_folder, "--output", tmp_path / "run", *TINY)
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)
    process.stdin = process.stdout = None
    assert_same_run(whole, tmp_path / "run")


def test_other_images_under_the_same_names_are_refused(launch, refused, make_images, tmp_path):
    """Of the same sizes, and with a record that stayed."""
    folder = make_images(tmp_path / "set", 22)
    (folder / "dataset.json").write_text('{"name": "blocks", "count": 22}')
    first, second = sorted((folder / "train" / "00000000").iterdir())[:2]
    arguments = ["--data", folder, "--output", tmp_path / "run", *TINY]
    process = launch("halt=3", *arguments)
    process.kill()
    process.communicate()
    first.rename(tmp_path / "kept.jpg")
    second.rename(first)
    (tmp_path / "kept.jpg").rename(second)
    refused("other options (data.sha256_of_contents was '", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_sigkill_at_random_moments(launch, trained, whole, image_folder, tmp_path, assert_same_run, seed):
    output, moments = tmp_path / "run", random.Random(seed)
    for _ in range(4):
        process = launch("-", "--data", image_folder, "--output", output, *TINY)
        while not (output / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.001)  # the first start: wait for the first step
        lines = (output / "metrics.jsonl").read_text().count("\n")
        while process.poll() is None and (output / "metrics.jsonl").read_text().count("\n") == lines:
            time.sleep(0.001)  # a later one: wait until it has trained on
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.communicate()
    trained("--data", image_folder, "--output", output, *TINY)
    assert_same_run(whole, output)
    assert not list(output.glob(".*.tmp"))
