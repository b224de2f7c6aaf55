"""The command as a person meets it: wrong input, signals, kills, full disks, and the same command again."""

import json
import random
import signal
import time
from pathlib import Path
from unittest.mock import ANY

import pytest
from PIL import Image

from models.checkpoint import load_torch
from train_align_uniform.__main__ import TRAINER
from training.command import command as train_command
from utils.run_folder import RunFolder

TINY = ["--gpus", "--precision", "float32", "--width", "0.03125", "--batch_size", "8", "--steps", "7", "--lr", "0.05"]

def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but what the last start says of itself."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*")
            if p.is_file() and p.name not in (".lock", "environment.json")}


@pytest.mark.parametrize(("said", "arguments"), [
    ("22 images are fewer than one batch of 23", ["--batch_size", "23"]),
    ("leave a last batch of one image", ["--batch_size", "7"]),
    ("--batch_size must be at least 2", ["--batch_size", "1"]),
    ("names GPU 1 twice", ["--gpus", "1", "1"]),
    ("one GPU or two, not 3", ["--gpus", "0", "1", "2"]),
    ("--batch_norm joint needs both views on one device", ["--gpus", "0", "1", "--batch_norm", "joint"]),
    ("--gpus", ["--gpus", "97"]),
    ("width must lie between", ["--width", "0"]),
    ("width must lie between", ["--width", "nan"]),
    ("--temperature must be above 0", ["--loss", "nt-xent", "--temperature", "0"]),
])
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


def break_folder(folder: Path, how: str) -> None:
    first = folder / "train" / "00000000" / "00000000.jpg"
    if how == "missing":
        folder.rename(folder.with_name("elsewhere"))
    elif how == "empty":
        for path in first.parent.iterdir():
            path.unlink()
    elif how == "zero bytes":
        first.write_bytes(b"")
    elif how == "truncated":
        first.write_bytes(first.read_bytes()[:400])
    elif how == "mixed sizes":
        Image.new("RGB", (50, 40)).save(first)
    elif how == "unfinished":
        (folder / "dataset.json").write_text('{"name": "spectrum", "count": 100}')
    elif how == "a file":
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()
        folder.write_text("not a folder")


@pytest.mark.parametrize(("how", "said"), [
    ("missing", "is not a folder"), ("a file", "is not a folder"), ("empty", "no images in"),
    ("zero bytes", "00000000.jpg is not an image"), ("truncated", "00000000.jpg cannot be read"),
    ("mixed sizes", "pass --resize 96"), ("unfinished", "holds 12 of the 100 images")])
def test_folders_that_cannot_be_trained_on(refused, make_images, tmp_path, how, said):
    folder = make_images(tmp_path / "set", 12)
    break_folder(folder, how)
    refused(said, "--data", folder, "--output", tmp_path / "run", *TINY)
    assert not (tmp_path / "run").exists()


def test_mixed_sizes_with_resize_and_cache(command, make_images, tmp_path):
    folder = make_images(tmp_path / "set", 12)
    break_folder(folder, "mixed sizes")
    code, out, err = command("--data", folder, "--output", tmp_path / "run", "--resize", "48", "--cache",
                             tmp_path / "cache", *TINY, "--steps", "1")
    assert (code, err) == (0, "")
    assert "12 images of 48×48, 1 steps of 8 on" in out
    assert (tmp_path / "cache" / "packed-48.npy").exists() and not (folder / "packed-48.npy").exists()


@pytest.fixture(scope="module")
def whole(image_folder, tmp_path_factory) -> Path:
    """The finished run that no one interrupted."""
    output = tmp_path_factory.mktemp("whole") / "run"
    assert train_command(TRAINER, ["--data", str(image_folder), "--output", str(output), *TINY]) == 0
    return output


def test_a_finished_run_is_a_no_op(command, whole, image_folder):
    before = contents(whole)
    code, out, err = command("--data", image_folder, "--output", whole, *TINY)
    assert (code, err) == (0, "")
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


def test_the_output_is_refused_before_the_images_are_packed(refused, whole, make_images, tmp_path):
    folder = make_images(tmp_path / "new", 22)
    refused("seed was 0, now 3", "--data", folder, "--output", whole, *TINY, "--seed", "3")
    assert not list(folder.glob("packed*"))


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


def test_a_loss_that_is_not_finite(refused, image_folder, tmp_path):
    refused("Lower --lr (now 1e+30)", "--data", image_folder, "--output", tmp_path / "run", *TINY, "--lr", "1e30")
    assert not (tmp_path / "run" / "encoder.pth").exists() and not (tmp_path / "run" / "last.pth").exists()


def test_sigterm_saves_and_the_same_command_goes_on(launch, command, whole, image_folder, tmp_path, assert_same_run):
    output = tmp_path / "run"
    process = launch("halt=4", "--data", image_folder, "--output", output, *TINY)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate("\n")
    assert (process.returncode, err) == (143, "")
    assert "stopped at step 4 of 7 and saved; run the same command to go on" in out
    assert load_torch(output / "last.pth")["step"] == 4
    code, out, err = command("--data", image_folder, "--output", output, *TINY)
    assert (code, err) == (0, "")
    assert_same_run(whole, output)


def test_sigkill_then_a_full_disk_then_the_end(launch, command, whole, image_folder, tmp_path, assert_same_run):
    output = tmp_path / "run"
    process = launch("halt=5", "--data", image_folder, "--output", output, *TINY)  # in the second epoch
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert load_torch(output / "last.pth")["step"] == 4
    process = launch("disk=50000", "--data", image_folder, "--output", output, *TINY)
    _, err = process.communicate()
    assert (process.returncode, err) == (1, f"error: {output}/last.pth: File too large\n")
    assert load_torch(output / "last.pth")["step"] == 4
    code, _, err = command("--data", image_folder, "--output", output, *TINY)
    assert (code, err) == (0, "")
    assert_same_run(whole, output)


def test_a_second_ctrl_c_ends_at_once(launch, image_folder, tmp_path):
    """The first waits for the end of a step; torchrun passes it on within milliseconds, which is no second one."""
    process = launch("halt=3", "--data", image_folder, "--output", tmp_path / "run", *TINY)
    for pause in (0.1, 1.5):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert load_torch(tmp_path / "run" / "last.pth")["step"] == 2


def test_training_goes_on_when_its_listener_has_left(launch, command, whole, image_folder, tmp_path, assert_same_run):
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


def test_a_finished_run_keeps_its_environment(command, whole, image_folder):
    before = (whole / "environment.json").read_text()
    (whole / "environment.json").write_text("{}")
    assert command("--data", image_folder, "--output", whole, *TINY)[0] == 0
    assert (whole / "environment.json").read_text() == "{}"
    (whole / "environment.json").write_text(before)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_sigkill_at_random_moments(launch, command, whole, image_folder, tmp_path, assert_same_run, seed):
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
    code, _, err = command("--data", image_folder, "--output", output, *TINY)
    assert (code, err) == (0, "")
    assert_same_run(whole, output)
    assert not list(output.glob(".*.tmp"))


@pytest.mark.slow
def test_two_processes_in_one_folder(launch, start, image_folder, tmp_path):
    first = launch("halt=2", "--data", image_folder, "--output", tmp_path / "run", *TINY)
    second = start(["-m", "train_align_uniform", "--data", image_folder, "--output", tmp_path / "run", *TINY])
    _, err = second.communicate()
    assert second.returncode == 1
    assert err == f"error: {tmp_path / 'run'} is in use by another run; wait for it, or choose another --output\n"
    assert first.communicate("\n")[1] == ""
    assert first.returncode == 0


def test_help_opens_with_the_commands(command):
    code, out, _ = command("--help")
    assert code == 0
    assert "python -m train_align_uniform --data data/small_scale/stat-wmm" in out
    assert "--batch_size" in out and "(default: 768)" in out
