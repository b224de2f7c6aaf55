"""Work done elsewhere and ahead of time: processes that render, threads that read."""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from utils.cli import UserError

Item, Result = TypeVar("Item"), TypeVar("Result")


class Workers:
    """Processes that do jobs, each on a connection of its own: one that is killed, even in the middle of an answer,
    keeps nobody waiting. (A ProcessPoolExecutor has one pipe for all, and waits for the rest of that answer forever.)
    """

    def __init__(self, number: int):
        self._threads = ThreadPoolExecutor(number)  # one for each process, to wait for its answers
        self._idle: deque[tuple[BaseProcess, Connection]] = deque()
        self._start = threading.Lock()

    def submit(self, job: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Have job(*arguments), all of which can be pickled, done in a process, a new one while there are few."""
        return self._threads.submit(self._done, job, arguments)

    def _done(self, job: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        with self._start:
            worker = self._idle.pop() if self._idle else _start_worker()
        connection = worker[1]
        try:
            connection.send((job, arguments))
            result, error, said = connection.recv()
        except (EOFError, OSError):
            raise UserError("a worker process was killed, most likely because memory ran out; the same command with "
                            "fewer --workers goes on where this one stopped") from None
        finally:
            self._idle.append(worker)
        if error:
            raise error from RuntimeError(said)
        return result

    def close(self) -> None:
        """Wait for the jobs that have begun, drop the others, and end the processes."""
        self._threads.shutdown(cancel_futures=True)
        for _, connection in self._idle:
            connection.close()
        for process, _ in self._idle:
            process.join()


@contextlib.contextmanager
def worker_processes(number: int) -> Iterator[Workers]:
    """Up to `number` worker processes, which end with the block; jobs that have not begun are dropped.

    A job whose process is killed raises UserError.
    """
    with contextlib.closing(Workers(number)) as workers:
        yield workers


def _start_worker() -> tuple[BaseProcess, Connection]:
    # Spawned and not forked: threads (of BLAS, numba, torch) do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that ours ends when the process does
    return process, ours


def _work(connection: Connection) -> None:
    """Runs in each worker: it leaves signals that stop a whole group of processes (ctrl-C, torchrun) to the parent,
    and it does not outlive a killed parent."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    with contextlib.suppress(EOFError, ConnectionError):  # no more jobs
        while True:
            job, arguments = connection.recv()
            try:
                answer = job(*arguments), None, ""
            except Exception as error:
                answer = None, error, traceback.format_exc()
            connection.send(answer)


def ahead(submit: Callable[[Item], "Future[Result]"], items: Iterable[Item], depth: int) -> Iterator[Result]:
    """The results of submit(item), in the order of the items; while one is used the next `depth` are under way."""
    under_way: deque[Future[Result]] = deque()
    for item in items:
        under_way.append(submit(item))
        if len(under_way) > depth:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def in_thread(items: Generator[Item, None, None], begin: Callable[[], object], depth: int = 2) -> Iterator[Item]:
    """The same items, made in another thread, up to `depth` ahead. `begin` runs first in that thread."""
    end: Any = object()
    thread = ThreadPoolExecutor(1, initializer=begin)
    try:
        for item in ahead(lambda _: thread.submit(next, items, end), count(), depth):
            if item is end:
                return
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
        items.close()
