"""What the tests of several rooms share: one thread for torch, a small image folder, commands in subprocesses, and a
server for downloads."""

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datasets import download
from utils.cli import run

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)  # tiny tensors: a second thread only gets in the way


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, needed in (("gpu", 1), ("gpu2", 2)):
        if item.get_closest_marker(marker) and torch.cuda.device_count() < needed:
            pytest.skip(f"needs {needed} CUDA GPUs")


def write_images(folder: Path, count: int, size: tuple[int, int] = (40, 40), seed: int = 0) -> Path:
    """`count` JPEGs of coarse random colour blocks, width × height `size`, as folder/train/00000000/<i>.jpg."""
    rng = np.random.default_rng(seed)
    target = folder / "train" / "00000000"
    target.mkdir(parents=True)
    for i in range(count):
        blocks = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(target / f"{i:08d}.jpg", quality=95)
    return folder


@pytest.fixture
def make_images() -> Callable[..., Path]:
    """`write_images`, for tests that change the folder."""
    return write_images


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 images of 40×40, to be read only: batches of 8 leave a last batch of 6."""
    return write_images(tmp_path_factory.mktemp("images"), 22)


@pytest.fixture
def start() -> Callable[..., subprocess.Popen]:
    """Starts `python *arguments` from the repository root, one thread, output as text; what still runs is killed."""
    started: list[subprocess.Popen] = []

    def run(arguments: Sequence[object], **options: object) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Server(ThreadingHTTPServer):
    """Serves `files` with ranges and ETags, and does what a test sets: break off, send other bytes, wait, refuse."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}  # by path
        self.status, self.kind, self.ranges, self.etag = 200, "application/octet-stream", True, None  # None: by content
        self.if_range = True  # whether If-Range is obeyed
        self.headers: dict[str, str] = {}  # more of them
        self.piece = 1 << 60  # bytes at most of a part
        self.reason: str | None = None  # that goes with the status
        self.lengths: str | None = None  # in place of the Content-Length
        self.claims: list[str] = []  # in place of the Content-Range of the next parts
        self.breaks: list[int] = []  # bytes after which the next transfers break off
        self.instead: list[bytes] = []  # what is sent in place of the next files
        self.pause = 0.0  # seconds after each MB
        self.paths: list[str] = []  # of each request
        self.asked: list[str | None] = []  # the Range of each request

    def handle_error(self, *about):
        """A client that has gone is no error."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *about):
        """Nothing on stderr."""

    def refuse(self, status: int) -> None:
        self.send_response(status, self.server.reason)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.paths.append(self.path)
        server.asked.append(wanted)
        if server.status != 200 or self.path not in server.files:
            self.refuse(404 if server.status == 200 else server.status)
            return
        body = server.instead.pop(0) if server.instead else server.files[self.path]
        etag = f'"{hashlib.md5(body).hexdigest()}"' if server.etag is None else server.etag
        start = 0
        same = self.headers.get("If-Range") in (None, etag, server.headers.get("Last-Modified")) or not server.if_range
        if wanted and server.ranges and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206)
            whole, body = len(body), body[:start + server.piece]
            said = f"bytes {start}-{len(body) - 1}/{whole}"
            self.send_header("Content-Range", server.claims.pop(0) if server.claims else said)
        else:
            self.send_response(200)
        self.send_header("Content-Type", server.kind)
        self.send_header("Content-Length", server.lengths or str(len(body) - start))
        for name, value in {**({"ETag": etag} if etag else {}), **server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        body = body[start:]
        if server.breaks:
            body = body[:server.breaks.pop(0)]
        for start in range(0, len(body), 1 << 20):
            self.wfile.write(body[start:start + (1 << 20)])
            self.wfile.flush()
            time.sleep(server.pause)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine, and no waiting before new tries."""
    monkeypatch.setattr(download, "WAITS", (0.0, 0.0, 0.0))
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def end(capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Runs a `main` as its command does; returns the exit code and what it prints on stdout and stderr."""
    def call(main: Callable[[], int | None]) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as info:
            run(main)
        return info.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def command(ended):
    """`ended`, a fixture of the module that asks, well; returns the lines on stdout."""
    def call(*arguments: object) -> list[str]:
        code, out, err = ended(*arguments)
        assert (code, err) == (0, "")
        return out.splitlines()

    return call


@pytest.fixture
def interrupted(ended, monkeypatch):
    """Runs a training command that is interrupted as step `last` of the class `learner` begins, having saved after each
    step before; returns the numbers of the steps that were begun."""
    def call(learner: type, last: int, *arguments: object) -> list[int]:
        step, begun = learner.step, []

        def stopped(self: Any, number: int) -> Any:
            begun.append(number)
            if number == last:
                raise KeyboardInterrupt
            return step(self, number)

        with monkeypatch.context() as patch:
            patch.setattr(learner, "step", stopped)
            patch.setattr("training.schedule.SaveClock.due", lambda self, now: True)
            assert ended(*arguments)[0] == 130
        return begun

    return call


@pytest.fixture
def refuses(ended):
    """`ended`, a fixture of the module that asks, badly, with one line on stderr that matches."""
    def call(match: str, *arguments: object) -> None:
        code, _, err = ended(*arguments)
        assert code == 1 and re.search(f"^error: .*{match}", err) and err.count("\n") == 1, err

    return call
