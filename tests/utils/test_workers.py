"""Work done ahead: in order, no further than told, and ended when it is no longer wanted."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest

from tests.files import user_error
from utils.cli import UserError
from utils.workers import ahead, in_thread, worker_processes


def test_ahead_keeps_the_order_and_its_distance():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01 * (item % 3))
        return item * item

    with ThreadPoolExecutor(4) as pool:
        results = ahead(lambda item: pool.submit(work, item), range(20), depth=5)
        assert next(results) == 0 and len(begun) <= 6
        assert list(results) == [item * item for item in range(1, 20)]


def test_in_thread_gives_the_same_items_and_their_error():
    thread = []

    def items(fail):
        thread.append(threading.get_ident())
        yield from range(5)
        if fail:
            raise UserError("no more")

    assert list(in_thread(items(False), lambda: thread.append("began"))) == list(range(5))
    assert thread[0] == "began" and thread[1] != threading.get_ident()
    stream = in_thread(items(True), lambda: None)
    assert [next(stream) for _ in range(5)] == list(range(5))
    user_error("no more", next, stream)


def test_in_thread_closes_what_it_reads():
    closed = []

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    stream = in_thread(items(), lambda: None)
    next(stream)
    stream.close()
    assert closed == [True]


def test_a_killed_worker_is_one_line():
    with pytest.raises(UserError, match="fewer --workers"), worker_processes(1) as pool:
        os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
        pool.submit(os.getpid).result()


def dies_while_it_answers():
    """A megabyte, of which only the first half is written to the connection."""
    def half(self, data):
        os.write(self.fileno(), data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    Connection._send = half
    return bytes(1 << 20)


def test_a_worker_that_is_killed_while_it_answers_keeps_nobody_waiting():
    command = ("from tests.utils.test_workers import dies_while_it_answers\n"
               "from utils.workers import worker_processes\n"
               "with worker_processes(2) as pool:\n"
               "    pool.submit(dies_while_it_answers).result()\n")
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "fewer --workers" in ended.stderr


def fails():
    raise ValueError("no such image")


def test_an_error_in_a_worker_says_where_it_was_and_ends_no_worker():
    with worker_processes(1) as pool:
        before = pool.submit(os.getpid).result()
        with pytest.raises(ValueError, match="no such image") as caught:
            pool.submit(fails).result()
        assert "in fails" in str(caught.value.__cause__)
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pool.submit(lambda: None).result()  # cannot be pickled
        assert pool.submit(os.getpid).result() == before
