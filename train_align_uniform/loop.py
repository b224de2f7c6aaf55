"""The training loop: takes the steps of a trainer, logs them, saves, resumes, and ends on a signal."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

from train_align_uniform.events import scalars
from train_align_uniform.export import export
from train_align_uniform.schedule import SaveClock
from train_align_uniform.trainer import Trainer
from utils.cli import UserError
from utils.files import sha256
from utils.progress import Progress
from utils.run_folder import RunFolder

DISK_SPEED = 100e6  # bytes/s assumed for the first checkpoint, until one has been timed
ONE_CTRL_C = 0.5  # seconds: torchrun passes on a ctrl-C that the terminal has sent already

Record = Callable[[dict[str, float]], None]


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT in a list instead of dying of them, so that a step can be finished and saved.

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

    before = {number: signal.signal(number, receive) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def recording(trainer: Trainer, run: RunFolder) -> Iterator[Record]:
    """A function to call with the numbers of each step: it logs them, and saves a checkpoint now and then."""
    run.keep_metrics(trainer.step)
    size = 2 * sum(p.numel() * p.element_size() for p in trainer.encoder.parameters())
    clock = SaveClock(time.monotonic(), cost=size / DISK_SPEED)
    with (
        scalars(run.path / "tensorboard", trainer.step) as add_points,
        Progress(trainer.total_steps, f"training {run.path}", "steps", done=trainer.step) as progress,
    ):
        def record(values: dict[str, float]) -> None:
            epoch, _ = trainer.order.batch(trainer.step - 1)
            run.log(step=trainer.step, epoch=epoch, **values, seconds=round(trainer.seconds, 3))
            add_points(trainer.step, values)
            progress.update(1, **{name: values[name] for name in ("align", "uniform", "images_per_s")})
            if clock.due(time.monotonic()):
                began = time.monotonic()
                trainer.save(run.path / "last.pth")
                clock.saved(began, time.monotonic())

        yield record


def take_steps(trainer: Trainer, record: Record, received: list[int]) -> None:
    """Take the steps that are left, or until a process has `received` a signal; `record` the numbers of each.

    Before each step the processes agree that it can be taken: each has its images, and has recorded the step before.
    """
    values: dict[str, float] = {}
    while True:
        views, problem = None, None
        try:
            if values:
                record(values)
            began = time.monotonic()
            if trainer.step < trainer.total_steps and not received:
                views = trainer.views(trainer.step)
        except Exception as error:
            problem = error
        if received and isinstance(problem, UserError):
            problem = None  # the signal has ended the workers, too, who make the images
        if trainer.processes.agree(stop=views is None, problem=problem):
            return
        images = len(trainer.order.batch(trainer.step)[1])
        values = trainer.update(*views)
        elapsed = time.monotonic() - began
        trainer.seconds += elapsed
        values["images_per_s"] = images / elapsed


def resume(trainer: Trainer, run: RunFolder) -> None:
    """Take up the run's checkpoint if there is one. Raises UserError if the processes do not find the same."""
    last = run.path / "last.pth"
    with trainer.processes.as_one():
        if last.exists():
            trainer.restore(last)
        facts = {"step": trainer.step, "sha256": sha256(last) if trainer.processes.count > 1 and last.exists() else ""}
    trainer.processes.require_same(facts, f"{last}, from which they would go on,")


def fit(trainer: Trainer, run: RunFolder) -> int:
    """Train to the end, or until SIGTERM or SIGINT. Returns 0, or 128 + the signal's number after saving.

    Of several processes all take part and the first writes.
    """
    processes, writes = trainer.processes, trainer.processes.rank == 0
    resume(trainer, run)
    with stop_signals() as received, contextlib.closing(trainer), contextlib.ExitStack() as stack:
        with processes.as_one():
            record = stack.enter_context(recording(trainer, run)) if writes else (lambda values: None)
        take_steps(trainer, record, received)
        with processes.as_one():
            if writes:
                trainer.save(run.path / "last.pth")
    stopped = trainer.step < trainer.total_steps
    with processes.as_one():
        if writes and stopped:
            print(f"stopped at step {trainer.step} of {trainer.total_steps} and saved; run the same command to go on")
        elif writes:
            export(trainer, run)
    return 128 + (received or [signal.SIGTERM])[0] if stopped else 0
