"""Sound and sensors in place of images."""

import pytest
import torch

from datasets.examples.store import Example, write_examples
from models import load_encoder
from tests.training.conftest import metrics
from train_viewmaker.__main__ import TRAINER
from training.command import command as train_command

from .small import ARGUMENTS

SMALL = [*ARGUMENTS[:4], *ARGUMENTS[6:], "--encoder", "resnet18", "--width", "0.125"]  # without --size


@pytest.fixture
def ended(end):
    return lambda *arguments: end(lambda: train_command(TRAINER, list(map(str, arguments))))


@pytest.fixture
def data(tmp_path):
    """Twelve training examples of two channels, 8 × 12, between others."""
    listed = [Example(f"{k}", "val" if k % 3 == 2 else "train", (str(k % 2),)) for k in range(18)]

    def compute(part):
        numbers = torch.tensor([float(example.file) for example in part]).view(-1, 1, 1, 1)
        return numbers + torch.randn(len(part), 2, 8, 12, generator=torch.Generator().manual_seed(0))

    write_examples(tmp_path / "data", "toy", "sensors", "a test", ("class",), listed, compute)
    return tmp_path / "data"


@pytest.mark.parametrize("views", ["learned", "both"])
def test_a_run_on_sensors(command, data, tmp_path, views):
    said = command("--data", data, *SMALL, "--views", views, "--output", tmp_path / "run")
    assert "12 examples of 2×8×12, 8 steps of 6" in "".join(said)
    assert all(line["clamped"] == 0 for line in metrics(tmp_path / "run"))
    assert load_encoder(tmp_path / "run/encoder.pth").channels == 2


@pytest.mark.parametrize("encoder", [("resnet18", "--stem", "7"), ("resnet50", "--width", "1", "--steps", "1")])
def test_larger_encoders_are_read_again(command, data, tmp_path, encoder):
    command("--data", data, *SMALL, "--views", "none", "--precision", "float32", "--encoder", *encoder,
            "--output", tmp_path / "run")
    saved = load_encoder(tmp_path / "run/encoder.pth")
    assert saved.channels == 2 and saved.conv1.kernel_size == (7, 7)
    assert saved(torch.zeros(1, 2, 8, 12), saved.LAYERS.index("avgpool")).shape[1] in (64, 2048)


@pytest.mark.parametrize(("more", "said"), [
    (["--resize", "32"], "--resize is for images"), (["--mix", "other"], "--mix is for images"),
    (["--size", "32"], "--size is for images"),
    (["--encoder", "resnet50"], "a resnet50 has width 1"),
    (["--encoder", "small_alexnet"], "3 channels, not 2; pass --encoder resnet18"),
    (["--views", "expert", "--expert", "waveform"], "has no waveform views")])
def test_bad_input_is_one_line(refuses, data, tmp_path, more, said):
    refuses(said, "--data", data, *SMALL, *more, "--output", tmp_path / "run")
