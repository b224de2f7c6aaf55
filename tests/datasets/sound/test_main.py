import sys

import numpy as np
import pytest

from datasets.examples.store import load_examples
from datasets.sound.__main__ import main
from tests.files import contents

from .recordings import fsdd, tone


@pytest.fixture
def ended(end, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["datasets.sound", *map(str, arguments)])
        return end(main)

    return call


def test_fsdd_from_recordings_to_examples(tmp_path, command):
    arguments = ("fsdd", "--source", fsdd(tmp_path / "a"), "--output", tmp_path / "out", "--size", 16, "--seconds", 0.3,
                 "--waveforms")
    assert "48 recordings of fsdd (digit, speaker), spectrograms of 16×16" in command(*arguments)[-1]
    examples = load_examples(tmp_path / "out")
    assert examples.array.shape == (48, 1, 16, 16) and examples.waveforms().shape == (48, 2400)
    train = examples.array[examples.rows("train")]
    assert abs(train.mean()) < 1e-3 and train.std() == pytest.approx(1, abs=1e-3)
    assert examples.labels("speaker")[1] == ["ann", "bob"] and examples.measured() == "test"
    before = contents(tmp_path / "out")
    command(*arguments)  # nothing to do
    assert contents(tmp_path / "out") == before
    loud = np.abs(examples.waveforms()).max(1)
    assert loud[examples.table["speaker"] == "bob"].min() > loud[examples.table["speaker"] == "ann"].max()


def test_what_is_refused(tmp_path, refuses):
    refuses("is not a folder", "fsdd", "--source", tmp_path / "no", "--output", tmp_path / "out")
    fsdd(tmp_path / "a")
    refuses("has 8000 samples a second, not 16000", "fsdd", "--source", tmp_path / "a", "--output", tmp_path / "out",
            "--rate", 16000)
    refuses("--seconds 0 takes no sample", "fsdd", "--source", tmp_path / "a", "--output", tmp_path / "out",
            "--seconds", 0)
    assert not (tmp_path / "out").exists()
    for k in range(3):
        tone(tmp_path / f"one/dog/{k}.wav")
    refuses("one has one class, 'dog'; a probe needs", "folder", "--source", tmp_path / "one", "--rate", 8000,
            "--output", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").touch()
    refuses("full holds something else", "fsdd", "--source", tmp_path / "a", "--output", tmp_path / "full")
