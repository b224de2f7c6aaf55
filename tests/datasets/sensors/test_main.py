import sys

import numpy as np
import pytest
import torch

from datasets.examples.store import load_examples
from datasets.sensors.__main__ import main
from datasets.sensors.spectrogram import Spectrogram
from tests.files import user_error

from .recordings import csv_folder, pamap2


@pytest.fixture
def ended(end, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["datasets.sensors", *map(str, arguments)])
        return end(main)

    return call


def test_pamap2_from_recordings_to_examples(tmp_path, command):
    command("pamap2", "--source", pamap2(tmp_path / "a"), "--output", tmp_path / "out", "--window", 50, "--size", 8)
    examples = load_examples(tmp_path / "out")
    assert examples.array.shape[1:] == (52, 8, 8) and examples.tasks == ["activity", "subject"]
    assert examples.labels("activity")[1] == ["lying", "walking"]
    train = examples.array[examples.rows("train")].astype(float)
    np.testing.assert_allclose(train.mean((0, 2, 3)), 0, atol=1e-4)  # each channel by itself
    assert np.allclose(train.std((0, 2, 3)), 1, atol=1e-3)


def test_a_csv_folder(tmp_path, command):
    command("csv", "--source", csv_folder(tmp_path / "gait"), "--output", tmp_path / "out", "--window", 32,
            "--size", 16)
    examples = load_examples(tmp_path / "out")
    assert examples.record["name"] == "gait" and examples.array.shape[1:] == (3, 16, 16)


def test_what_is_refused(tmp_path, refuses):
    refuses("csv needs --source", "csv", "--output", tmp_path / "out")
    refuses("a window of 8 rows is too short for spectrograms of 32×32", "csv", "--source", csv_folder(tmp_path / "a"),
            "--output", tmp_path / "out", "--window", 8)
    refuses("no activity lasts 1000 rows in its recordings of test; pass a smaller --window", "pamap2", "--source",
            pamap2(tmp_path / "b"), "--output", tmp_path / "out")


def test_the_published_size_of_pamap2():
    """1,000 rows make 32×32 with windows of 63 and hops of 32; against one window at a time."""
    window = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    got = Spectrogram(32, 1000)(torch.from_numpy(window)[None])
    assert got.shape == (1, 2, 32, 32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(63) / 63)
    padded = np.pad(window, ((31, 31), (0, 0)), mode="reflect")
    for time in (0, 7, 31):
        power = np.abs(np.fft.rfft(hann * padded[32 * time : 32 * time + 63, 1])) ** 2
        np.testing.assert_allclose(got[0, 1, :, time], np.log(power + 1e-6), rtol=1e-3, atol=1e-3)
    user_error("a window of 20 rows is too short", Spectrogram, 32, 20)
    user_error("a --size of 2 or more, not 1", Spectrogram, 1, 20)
