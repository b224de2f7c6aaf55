"""The training loop: takes the steps of a learner, logs them, saves, resumes, and ends on a signal."""

import contextlib
import operator
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import load_torch, save_torch
from training.distributed import ALONE, Processes
from training.events import scalars
from training.finish import finish
from training.learner import Learner
from training.schedule import SaveClock
from training.update import require_finite_state, tensor_bytes
from utils.cli import UserError
from utils.files import sha256
from utils.progress import Progress
from utils.run_folder import RunFolder

DISK_SPEED = 100e6  # bytes/s assumed for the first checkpoint, until one has been timed
ONE_CTRL_C = 0.5  # seconds: torchrun passes on a ctrl-C that the terminal has sent already
APART = 1.0  # seconds between two agreements of several processes: so long a signal may have to wait for a step's end
FEW = 16  # steps between them at most

Record = Callable[[dict[str, float]], None]


@dataclass
class Position:
    """How far a run is."""

    step: int = 0  # steps taken
    seconds: float = 0.0  # spent in them, over all starts


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGTERM, SIGINT and SIGHUP (the terminal has gone; unless nohup ignores it) in a list instead of dying
    of them, so that a step can be finished and saved.

    A second ctrl-C ends the process at once.
    """
    received: list[int] = []
    first = 0.0

    def receive(number: int, _: object) -> None:
        nonlocal first
        if number == signal.SIGINT and number in received and time.monotonic() - first > ONE_CTRL_C:
            os._exit(128 + number)
        first = first or time.monotonic()
        received.append(number)

    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def save(learner: Learner, at: Position, path: Path) -> None:
    """Write the checkpoint. Raises UserError, and leaves the one before, when a weight is not finite."""
    state = learner.state()
    require_finite_state(state, at.step)
    save_torch({**state, "step": at.step, "seconds": at.seconds}, path)


def resume(learner: Learner, run: RunFolder, processes: Processes) -> Position:
    """Go on from the run's checkpoint if there is one. Raises UserError if it is damaged, of another run, or not the
    same in all processes."""
    last, at = run.path / "last.pth", Position()
    with processes.as_one():
        if last.exists():
            state = load_torch(last)
            try:
                learner.load_state(state)
                at = Position(operator.index(state["step"]), float(state["seconds"]))
            except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
                raise UserError(f"{last} is not a checkpoint of this run ({str(error).splitlines()[0][:120]}); delete "
                                "it to start the run again") from None
        facts = {"step": at.step, "sha256": sha256(last) if processes.count > 1 and last.exists() else ""}
    processes.require_same(facts, f"{last}, from which they would go on,")
    return at


@contextlib.contextmanager
def recording(learner: Learner, run: RunFolder, at: Position) -> Iterator[Record]:
    """A function to call with the numbers of each step: it logs them, and saves a checkpoint now and then."""
    run.keep_metrics(at.step)
    clock = SaveClock(time.monotonic(), cost=2 * tensor_bytes(learner.state()) / DISK_SPEED)
    with (
        scalars(run.path / "tensorboard", at.step) as add_points,
        Progress(learner.total_steps, f"training {run.path}", "steps", done=at.step) as progress,
    ):
        def record(values: dict[str, float]) -> None:
            run.log(step=at.step, **values, seconds=round(at.seconds, 3))
            add_points(at.step, values)
            shown = (*learner.shown, "images_per_s")
            progress.update(1, **{name: values[name] for name in shown if name in values})
            if clock.due(time.monotonic()):
                began = time.monotonic()
                save(learner, at, run.path / "last.pth")
                clock.saved(began, time.monotonic())

        yield record


def take_steps(learner: Learner, at: Position, record: Record, processes: Processes, received: list[int]) -> None:
    """Take the steps that are left, or until a process has `received` a signal; `record` the numbers of each.

    One process looks for a signal before each step. Several agree on it before a step that all can tell: soon enough
    for a signal, seldom enough to cost nothing. What one raises in between breaks the connection, and ends all.
    """
    agreement, elapsed = at.step, APART
    while at.step < learner.total_steps:
        if at.step == agreement:
            if processes.agree(stop=bool(received)):
                return
            agreement += 1 if processes.count == 1 else max(1, min(FEW, int(APART / processes.most(elapsed))))
        began = time.monotonic()
        try:
            values = {name: value.item() for name, value in learner.step(at.step).items()}
        except UserError:
            if received and processes.count == 1:
                return  # the signal has ended the workers, too, who make the images
            raise
        elapsed = time.monotonic() - began
        at.step, at.seconds = at.step + 1, at.seconds + elapsed
        if "images" in values:
            values["images_per_s"] = values.pop("images") / elapsed
        record(values)


def train(learner: Learner, run: RunFolder, processes: Processes = ALONE) -> int:
    """Train to the end, or until one of `stop_signals`. Returns 0, or 128 + the signal's number after saving.

    Of several processes all take part and the first writes.
    """
    writes = processes.rank == 0
    at = resume(learner, run, processes)
    with stop_signals() as received, contextlib.closing(learner), contextlib.ExitStack() as stack:
        with processes.as_one():
            record = stack.enter_context(recording(learner, run, at)) if writes else (lambda values: None)
        take_steps(learner, at, record, processes, received)
        with processes.as_one():
            if writes:
                save(learner, at, run.path / "last.pth")
    stopped = at.step < learner.total_steps
    with processes.as_one():
        if writes and stopped:
            print(f"stopped at step {at.step} of {learner.total_steps} and saved; run the same command to go on")
        elif writes:
            finish(learner, run, at.seconds)
    return 128 + (received or [signal.SIGTERM])[0] if stopped else 0
