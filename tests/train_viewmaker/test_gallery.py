"""The gallery of a run, and spectra of signals that are known."""

import json
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from datasets.examples.store import Example, write_examples
from train_viewmaker import gallery
from train_viewmaker.__main__ import TRAINER
from training.command import command as train_command

from .small import ARGUMENTS


@pytest.fixture
def ended(end, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gallery", *map(str, arguments)])
        return end(gallery.main)

    return call


def test_spectra_of_a_wave_and_of_noise():
    x = torch.arange(32) / 32 * 2 * torch.pi
    wave = 2 * torch.cos(5 * x).expand(1, 1, 32, 32) + 7
    spectrum = gallery.radial_spectrum(wave)
    ring = np.rint(np.hypot(*np.meshgrid(*[np.fft.fftfreq(32, 1 / 32)] * 2))) == 5
    assert len(spectrum) == 15 and spectrum[4] * ring.sum() == pytest.approx(2 * 32**2, rel=1e-5)  # Parseval
    assert np.delete(spectrum, 4).max() < 1e-9
    noise = torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(gallery.radial_spectrum(noise), 1, atol=0.1)  # the first ring: 4800 values, sd 0.014


def test_pictures_of_a_run(command, refuses, tmp_path, image_folder):
    run = tmp_path / "run"
    train_command(TRAINER, ["--data", str(image_folder), *ARGUMENTS, "--steps", "2", "--output", str(run)])
    line = command(run, "--data", image_folder, "--images", 2, "--noises", 3, "--output", tmp_path / "out")[-1]
    assert "wrote gallery.png" in line
    with Image.open(tmp_path / "out/gallery.png") as picture:
        assert picture.size == (pytest.approx(1.3 * 110 * 4, abs=2), pytest.approx(1.3 * 110 * 4, abs=2))
    spectra = json.loads((tmp_path / "out/spectrum.json").read_text())
    assert len(spectra["images"]) == len(spectra["perturbations"]) == 7 and spectra["side"] == 16
    refuses("holds no config.json", tmp_path, "--data", image_folder)
    train_command(TRAINER, ["--data", str(image_folder), *ARGUMENTS, "--steps", "1", "--views", "expert", "--output",
                            str(tmp_path / "expert")])
    refuses("has no viewmaker", tmp_path / "expert", "--data", image_folder)
    (tmp_path / "config.json").write_text(json.dumps({"teacher": "efficientnet-lite0", "size": 32, "data": {}}))
    refuses("is no run of train_viewmaker", tmp_path, "--data", image_folder)


def test_pictures_of_a_run_on_a_mixture_of_shards(command, tmp_path, image_folder):
    mixture = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with tarfile.open(tmp_path / name / "0.tar", "w") as shard:
            shard.add(image_folder, "images")
        mixture += ["--data" if name == "one" else "--mix", str(tmp_path / name)]
    mixture += ["--workers", "1"]
    train_command(TRAINER, [*mixture, *ARGUMENTS, "--steps", "1", "--output", str(tmp_path / "run")])
    assert "wrote gallery.png" in command(tmp_path / "run", *mixture, "--images", 1, "--noises", 1)[-1]


def test_pictures_of_a_run_on_sensors(command, refuses, tmp_path, image_folder):
    listed = [Example(f"{k}", "val" if k % 3 == 2 else "train", (str(k % 2),)) for k in range(18)]
    write_examples(tmp_path / "data", "toy", "sensors", "a test", ("class",), listed,
                   lambda part: torch.randn(len(part), 2, 12, 12, generator=torch.Generator().manual_seed(0)))
    train_command(TRAINER, ["--data", str(tmp_path / "data"), *ARGUMENTS[:4], *ARGUMENTS[6:], "--encoder", "resnet18",
                            "--width", "0.125", "--steps", "1", "--output", str(tmp_path / "run")])
    command(tmp_path / "run", "--data", tmp_path / "data", "--images", 2, "--noises", 2)
    spectra = json.loads((tmp_path / "run/spectrum.json").read_text())
    assert spectra["count"] == 12 and len(spectra["perturbations"]) == 5
    assert (tmp_path / "run/gallery.png").read_bytes().startswith(b"\x89PNG")
    refuses("run was not trained on inputs of 3 channels", tmp_path / "run", "--data", image_folder)


def test_spectrograms_become_grey_pictures_with_low_frequencies_below():
    x = torch.arange(16.0).view(1, 2, 2, 4) - 3
    pictures, (change,) = gallery.as_pictures(x, [x])
    assert pictures.shape == change.shape == (1, 3, 2, 4)
    assert (pictures[0, 2] * 7).flatten().tolist() == pytest.approx([4, 5, 6, 7, 0, 1, 2, 3])
    assert (change[0, 0, 1] * 7).tolist() == pytest.approx([-3, -2, -1, 0])
