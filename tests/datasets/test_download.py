"""Downloads against a server that breaks off, changes its file, knows no ranges or answers with something else."""

import resource
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from datasets import download as module
from datasets.download import download
from utils.cli import UserError

OLD, NEW = (np.random.default_rng(seed).bytes(3 << 20) for seed in (0, 1))


class Server(ThreadingHTTPServer):
    """Serves `body` with ranges, and does what a test sets: break off after so many bytes, change, refuse."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/0.tar"
        self.body, self.etag, self.ranges, self.kind, self.status = OLD, '"old"', True, "application/x-tar", 200
        self.breaks: list[int] = []  # bytes after which the next transfers break off
        self.slow = False
        self.asked: list[str | None] = []  # the Range of each request

    def handle_error(self, *about):
        """A client that has gone is no error."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *about):
        """Nothing on stderr."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") in (None, server.etag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        else:
            self.send_response(200)
        body = server.body[start:]
        self.send_header("Content-Type", server.kind)
        self.send_header("Content-Length", str(len(body)))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        if server.breaks:
            body = body[:server.breaks.pop(0)]
        if server.slow:
            self.wfile.write(body[:1 << 20])
            self.wfile.flush()
            time.sleep(60)
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0, 0.0))
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_only_once(server, tmp_path):
    for _ in range(2):
        download(server.url, tmp_path / "a" / "0.tar")
    assert (tmp_path / "a/0.tar").read_bytes() == OLD and names(tmp_path / "a") == ["0.tar"]
    assert server.asked == [None]


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = [1_000_000, 500_000]
    download(server.url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and names(tmp_path) == ["0.tar"]
    assert server.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_server_without_ranges_or_tags_starts_anew(server, tmp_path):
    for ranges, etag, asked in ((False, '"old"', "bytes=1000000-"), (True, "", None), (True, 'W/"old"', None)):
        server.ranges, server.etag, server.breaks = ranges, etag, [1_000_000]
        download(server.url, tmp_path / f"{ranges}{len(etag)}.tar")
        assert (tmp_path / f"{ranges}{len(etag)}.tar").read_bytes() == OLD
        assert server.asked[-2:] == [None, asked]


def test_a_changed_file_is_not_glued_to_the_old_one(server, tmp_path):
    server.breaks = [500_000] * 4
    with pytest.raises(UserError, match="could not be fetched"):
        download(server.url, tmp_path / "0.tar")
    assert names(tmp_path) == [".0.tar.etag", ".0.tar.part"]
    server.body, server.etag = NEW, '"new"'
    download(server.url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == NEW and server.asked[-1] == "bytes=2000000-"


def test_a_range_that_cannot_be_met_starts_anew(server, tmp_path):
    (tmp_path / ".0.tar.part").write_bytes(NEW + b"more")
    (tmp_path / ".0.tar.etag").write_text(server.etag)
    download(server.url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and server.asked == [f"bytes={len(NEW) + 4}-", None]


def test_a_killed_download_goes_on(server, tmp_path, start):
    server.slow = True
    process = start(["-c", "import sys; from datasets.download import download; download(*sys.argv[1:])", server.url,
                     tmp_path / "0.tar"])
    part = tmp_path / ".0.tar.part"
    while not (part.exists() and part.stat().st_size == 1 << 20):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.slow = False
    assert not (tmp_path / "0.tar").exists()
    download(server.url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and server.asked == [None, f"bytes={1 << 20}-"]


@pytest.mark.parametrize("set_up, asked, message", [
    ({"status": 404}, 1, "0.tar cannot be fetched: the server says 404 Not Found"),
    ({"status": 403}, 1, "the server says 403 Forbidden"),
    ({"status": 503}, 4, r"could not be fetched \(the server says 503 Service Unavailable\); see that there is a netw"),
    ({"breaks": [0] * 4}, 4, r"\(0 of 3,145,728 bytes came\)"),
    ({"kind": "text/html; charset=utf-8"}, 1, "0.tar is a web page, not the file 0.tar"),
])
def test_what_the_server_does_wrong_is_one_line(server, tmp_path, set_up, asked, message):
    for name, value in set_up.items():
        setattr(server, name, value)
    with pytest.raises(UserError, match=message) as info:
        download(server.url, tmp_path / "0.tar")
    assert "\n" not in str(info.value) and len(server.asked) == asked and not (tmp_path / "0.tar").exists()


def test_no_server_and_no_address(server, tmp_path):
    url = server.url
    server.server_close()
    with pytest.raises(UserError, match=r"could not be fetched .*Connection refused.*see that there is a network"):
        download(url, tmp_path / "0.tar")
    with pytest.raises(UserError, match="'file:///etc/passwd' is not an address"):
        download("file:///etc/passwd", tmp_path / "0.tar")


def test_a_full_disk_is_one_line_and_the_download_goes_on(server, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))  # Python ignores the signal and gets an error
    try:
        with pytest.raises(UserError, match=r"0.tar does not fit on its disk; make room"):
            download(server.url, tmp_path / "0.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    download(server.url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD
