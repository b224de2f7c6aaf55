"""Two CPU processes on shards, killed by SIGKILL and started again: the same run down to the bit."""

import time
from pathlib import Path

import pytest

from datasets.image_folders.writer import write_image_folder
from datasets.shards.write import images_there
from generators.dead_leaves import DeadLeaves
from tests.files import user_error
from train_moco.__main__ import TRAINER
from training.command import command, parse
from utils.run_folder import RunFolder

DRIVER = Path(__file__).with_name("driver.py")


def shards(folder: Path, samples: int = 40) -> Path:
    write_image_folder(DeadLeaves("mixed", resolution=32), folder, samples, name="leaves", image_format="tar")
    assert images_there(folder, 0, samples) == samples
    return folder


def arguments(data: Path, output: Path, steps: int = 20) -> list[object]:
    return ["--data", data, "--output", output, "--gpus", "--workers", 1, "--size", 32, "--batch_size", 16,
            "--groups", 2, "--queue", 64, "--dim", 8, "--steps", steps, "--precision", "float32", "--lr", 0.05]


@pytest.mark.slow  # six processes have to start
def test_twenty_steps_go_on_after_sigkill(tmp_path, together, assert_same_run):
    data, killed, whole = shards(tmp_path / "data"), tmp_path / "killed", tmp_path / "whole"
    both = together([DRIVER, *arguments(data, killed)])
    while len(RunFolder(killed).metrics()) < 7:
        assert all(process.poll() is None for process in both), [process.communicate() for process in both]
        time.sleep(0.01)
    for process in both:
        process.kill()
    for process in both:
        process.communicate()
    assert 7 <= len(RunFolder(killed).metrics()) < 20
    for folder in (killed, whole):
        said = [process.communicate(timeout=900) for process in together([DRIVER, *arguments(data, folder)])]
        assert "encoder.pth: 20 steps" in said[0][0], said
    assert_same_run(killed, whole)
    assert (killed / "checkpoint_0009.pth.tar").exists()  # 2 steps an epoch


def test_bad_input_is_refused_before_anything_is_written(tmp_path):
    data = shards(tmp_path / "data")

    def call(*more: object) -> None:
        command(TRAINER, list(map(str, [*arguments(data, tmp_path / "run"), *more])))

    user_error("--queue 72 is no multiple of --batch_size 16", call, "--queue", 72)
    user_error("--groups 3|does not make 3 equal groups", call, "--groups", 3)
    user_error("--weights and --epoch_length are for a mixture", call, "--weights", 1)
    user_error("--weights takes a number above 0 for each of the 2 sets, not 1", call, "--mix", data, "--weights", 1)
    user_error("an epoch of 40 images has none, or one, of weight 1", call, "--mix", data, "--weights", 1, 99,
               "--epoch_length", 40)
    user_error("none holds no tar shards", call, "--mix", tmp_path / "none")
    user_error("--samples is for named datasets, and .* is a folder; leave it out", call, "--samples", 3)
    user_error("40 images are fewer than one batch of 64", call, "--batch_size", 64, "--queue", 64)
    (data / "train/00000000.tar").write_bytes((data / "train/00000000.tar").read_bytes()[:9000])
    user_error("00000000.tar is cut off", call)
    assert not (tmp_path / "run").exists()


def test_the_cosine_is_no_option():
    args = parse(TRAINER, ["--data", "x", "--output", "y"])
    assert not hasattr(args, "cosine") and not hasattr(args, "lr_decay_rate") and args.queue == 65536
