"""What a large-scale run needs: the arithmetic under the table."""

import sys

import pytest

from generators import cost
from tests.files import user_error
from train_moco import needs


@pytest.fixture
def call(monkeypatch, capsys):
    """The command, with little to time; returns its output."""
    monkeypatch.setattr(cost, "ENOUGH", 0.02)

    def command(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["needs", *arguments])
        needs.main()
        return capsys.readouterr().out

    return command


def test_the_arithmetic(call, monkeypatch):
    monkeypatch.setattr(needs, "time_steps", None)  # --images_per_s says it
    said = call("dead_leaves-mixed", "stat-spectrum", "--samples", "1000", "--resolution", "32", "--epoch_length=1500",
                "--epochs", "800", "--images_per_s", "100", "--processes", "4", "--workers", "2")
    assert said.count("| 1,000 | 32 |") == 2 and "/ 2 workers" in said
    # 1500 // 256 = 5 batches, 800 times
    assert "1,024,000 images / (100 images/s × 4 processes) = 42.7 minutes" in said
    assert "A packed array: 5.9 MB" in said  # 2,000 × 32² × 3
    assert "A checkpoint: 352.1 MB (two encoders, momentum, queue)" in said


def test_bad_input_is_refused_before_anything_is_timed(call, monkeypatch):
    monkeypatch.setattr(needs, "image_need", None)
    user_error("there is no dataset called 'stat-wnn'", call, "stat-wnn")
    user_error("feature_vis-dead_leaves: this needs the weights", call, "feature_vis-dead_leaves")
    user_error("--groups 8 is no multiple of 3 processes", call, "stat-wmm", "--processes", "3", "--batch_size", "384",
               "--queue", "3840")
