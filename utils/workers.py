"""Work done elsewhere and ahead of time: processes that render, threads that read."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from typing import Any, TypeVar

from utils.cli import UserError

Item, Result = TypeVar("Item"), TypeVar("Result")


@contextlib.contextmanager
def worker_processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """`number` worker processes, which end with the block; jobs that have not begun are dropped.

    Raises UserError if one of them is killed.
    """
    # Spawned and not forked: threads (of BLAS, numba, torch) do not survive a fork.
    pool = ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield pool
    except BrokenProcessPool:
        raise UserError("a worker process was killed, most likely because memory ran out; the same command with fewer "
                        "--workers goes on where this one stopped") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Runs first in each worker: what is sent to stop a whole group of processes (ctrl-C, torchrun) is the parent's to
    handle, and a worker does not outlive a killed parent."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


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
    """The same items, made in a thread of their own, `depth` ahead of what is asked for. `begin` runs first in it."""
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
