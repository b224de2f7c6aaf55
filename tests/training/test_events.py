"""Curves as TensorBoard reads them."""

import threading

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.events import scalars


def test_points_are_there_at_once_and_what_a_resumed_run_repeats_is_dropped(tmp_path):
    def curve(name: str) -> list[tuple[int, float]]:
        board = EventAccumulator(str(tmp_path))
        board.Reload()
        return [(event.step, event.value) for event in board.Scalars(name)]

    before, threads = threading.excepthook, threading.active_count()
    with scalars(tmp_path, 0) as add:
        for step in (1, 2, 3):
            add(step, {"loss": step / 2, "lr": 0.5})
        assert curve("loss") == [(1, 0.5), (2, 1.0), (3, 1.5)]
        assert threading.excepthook is before and threading.active_count() == threads
    with scalars(tmp_path, 1) as add:  # a checkpoint of step 1
        add(2, {"loss": 7.0, "lr": 0.25})
    assert curve("loss") == [(1, 0.5), (2, 7.0)] and curve("lr") == [(1, 0.5), (2, 0.25)]


def test_an_error_names_the_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as info, scalars(tmp_path / "file", 0):
        pass
    assert info.value.filename == str(tmp_path / "file") or info.value.filename == tmp_path / "file"
