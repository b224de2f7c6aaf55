"""TensorBoard's event files, written step by step without a thread: a full disk is an error where it is met."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from utils.files import errors_name


@contextlib.contextmanager
def scalars(folder: Path, step: int) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A function (step, values by name) that adds a point to each curve, at once visible to TensorBoard.

    Curves go on after `step`: what earlier files in `folder` hold of later steps is dropped from them. An OSError names
    `folder`.
    """
    with errors_name(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"events.out.tfevents.{time.time_ns()}", "wb") as file:  # read in order of their names
            records = RecordWriter(file)

            def write(**what: object) -> None:
                with errors_name(folder):
                    records.write(Event(wall_time=time.time(), **what).SerializeToString())
                    records.flush()

            write(file_version="brain.Event:2")
            write(step=step + 1, session_log=SessionLog(status=SessionLog.START))
            yield lambda step, values: write(step=step, summary=Summary(value=[
                Summary.Value(tag=name, simple_value=value) for name, value in values.items()]))
