"""Downloads against a server that breaks off, changes its file, knows no ranges or answers with something else."""

import hashlib
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.download import download, download_checked
from tests.files import user_error
from utils.cli import UserError
from utils.files import write_json

OLD, NEW = (np.random.default_rng(seed).bytes(3 << 20) for seed in (0, 1))


@pytest.fixture
def url(server):
    server.files["/0.tar"] = OLD
    return f"{server.url}/0.tar"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_only_once(server, url, tmp_path):
    for _ in range(2):
        download(url, tmp_path / "a" / "0.tar")
    assert (tmp_path / "a/0.tar").read_bytes() == OLD and names(tmp_path / "a") == ["0.tar"]
    assert server.asked == [None]


FROM_1_MB = {"breaks": [1_000_000]}


@pytest.mark.parametrize("set_up, asked", [
    ({"breaks": [1_000_000, 500_000]}, [None, "bytes=1000000-", "bytes=1500000-"]),  # it goes on where it stopped
    ({**FROM_1_MB, "ranges": False, "etag": '"old"'}, [None, "bytes=1000000-"]),
    ({**FROM_1_MB, "etag": ""}, [None, None]), ({**FROM_1_MB, "etag": 'W/"old"'}, [None, None]),  # it starts anew
    ({**FROM_1_MB, "etag": "", "headers": {"Last-Modified": "Sun, 22 Nov 2020"}}, [None, "bytes=1000000-"]),
    *(({**FROM_1_MB, "claims": [claim]}, [None, "bytes=1000000-", None]) for claim in (  # of another part
        "bytes 0-3145727/3145728", "bytes 999999-3145727/3145728", "bytes */3145728", "",
        "bytes 1000000-3145727/3145729")),
    ({**FROM_1_MB, "piece": 800_000}, [None, "bytes=1000000-", "bytes=1800000-", "bytes=2600000-"]),
    ({"lengths": "abc"}, [None])])
def test_a_file_comes_whole_however_the_server_breaks_off(server, url, tmp_path, set_up, asked):
    vars(server).update({name: list(value) if isinstance(value, list) else value for name, value in set_up.items()})
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and names(tmp_path) == ["0.tar"]
    assert server.asked == asked


def test_tries_that_bring_something_go_on(server, url, tmp_path, capsys):
    server.breaks = [300_000] * 10
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and len(server.asked) == 11
    assert f"{url}: 300,000 of 3,145,728 bytes came; trying again in 0 s" in capsys.readouterr().out


ANEW = ["bytes=500000-", None]  # from where it stopped, then all of it
X, Y = {"Last-Modified": "x"}, {"Last-Modified": "y"}


@pytest.mark.parametrize("first, then, now, asked", [
    ({"if_range": True}, {}, NEW, ["bytes=500000-"]), ({}, {}, NEW, ANEW),
    ({}, {}, OLD[:500_000], ANEW),  # half a file is not whole because a server has no more
    *((first, then, NEW, ANEW) for first, then in (  # a part must name its version as the beginning did
        ({"etag": '"1"'}, {"etag": ""}), ({"etag": '"1"'}, {"etag": "", "headers": X}),
        ({"etag": "", "headers": X}, {"etag": '"2"', "headers": {}}),
        ({"etag": "", "headers": X}, {"headers": Y}), ({"etag": 'W/"1"', "headers": X}, {"etag": 'W/"2"'})))])
def test_a_changed_file_is_not_glued_to_the_old_one(server, url, tmp_path, first, then, now, asked):
    """Whether the server obeys If-Range or not."""
    vars(server).update({"breaks": [500_000, 0, 0, 0], "if_range": False, **first})
    user_error("could not be fetched", download, url, tmp_path / "0.tar")
    assert names(tmp_path) == [".0.tar.part", ".0.tar.version"]
    vars(server).update(then)
    server.files["/0.tar"] = now
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == now and server.asked[4:] == asked


@pytest.mark.parametrize("note", [b"\xff\0", b"{}", b"[]", b""])
def test_a_damaged_note_is_no_note(server, url, tmp_path, note):
    (tmp_path / ".0.tar.part").write_bytes(NEW)
    (tmp_path / ".0.tar.version").write_bytes(note)
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD


@pytest.mark.parametrize("part, etag, more", [
    (OLD, f'"{hashlib.md5(OLD).hexdigest()}"', []),  # it was whole before it had its name
    (NEW + b"more", '"old"', [None])])  # a range that cannot be met starts anew
def test_a_part_that_is_as_long_as_the_file_or_longer(server, url, tmp_path, part, etag, more):
    (tmp_path / ".0.tar.part").write_bytes(part)
    server.etag = etag
    write_json(tmp_path / ".0.tar.version", {"url": url, "etag": etag, "date": "", "total": len(OLD)})
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and names(tmp_path) == ["0.tar"]
    assert server.asked == [f"bytes={len(part)}-", *more]


def test_a_killed_download_goes_on(server, url, tmp_path, start):
    server.pause = 60
    process = start(["-c", "import sys; from datasets.download import download; download(*sys.argv[1:])", url,
                     tmp_path / "0.tar"])
    part = tmp_path / ".0.tar.part"
    while not (part.exists() and part.stat().st_size == 1 << 20):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.pause = 0
    assert not (tmp_path / "0.tar").exists()
    download(url, tmp_path / "0.tar")
    assert (tmp_path / "0.tar").read_bytes() == OLD and server.asked == [None, f"bytes={1 << 20}-"]


@pytest.mark.parametrize("set_up, asked, message", [
    ({"status": 404}, 1, "0.tar cannot be fetched: the server says 404 Not Found"),
    ({"status": 403}, 1, "the server says 403 Forbidden"),
    ({"status": 503}, 4, r"could not be fetched \(the server says 503 Service Unavailable\); see that there is a netw"),
    ({"breaks": [0] * 4}, 4, r"\(0 of 3,145,728 bytes came\)"),
    ({"kind": "text/html; charset=utf-8"}, 1, "0.tar is a web page, not the file; open it"),
    ({"headers": {"Content-Encoding": "gzip"}}, 1, r"0.tar comes packed \(gzip\), which was not asked for"),
    ({"status": 204}, 4, r"0.tar could not be fetched \(the server says 204\)"),
    ({"reason": "no \x1b[31m \t way", "status": 404}, 1, r"the server says 404 no \[31m way")])
def test_what_the_server_does_wrong_is_one_line(server, url, tmp_path, set_up, asked, message):
    for name, value in set_up.items():
        setattr(server, name, value)
    user_error(message, download, url, tmp_path / "0.tar")
    assert len(server.asked) == asked and not (tmp_path / "0.tar").exists()


def test_a_redirection_in_a_circle_or_to_nowhere_is_one_line(server, url, tmp_path):
    for place, match in (("/0.tar", "0.tar cannot be fetched: the server says 302 The HTTP server returned a redirect"),
                         ("http://[", "could not be fetched"), ("file:///etc/passwd", "the server says 302")):
        server.status, server.headers = 302, {"Location": place}
        user_error(match, download, url, tmp_path / "0.tar")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "nowhere", "http://", "http://[", "http://a..b/x", "http:///x",
                                     f"http://{'a' * 64}.org", "http://h:port/x", "http://127.0.0.1/ü", "http://h/a b",
                                     "http://me:secret@h/x"])
def test_what_is_no_address(tmp_path, address):
    user_error("is not an address such as http://server/path", download, address, tmp_path / "0.tar")


SHA256 = {data: hashlib.sha256(data).hexdigest() for data in (OLD, NEW)}


def test_what_came_is_said_and_only_checked_when_it_is_there(server, url, tmp_path):
    path = tmp_path / "0.tar"
    for _ in range(2):
        assert download_checked([url], path) == {"url": url, "size": len(OLD), "sha256": SHA256[OLD]}
    assert path.read_bytes() == OLD and server.asked == [None]
    other = f"{server.url}/other.tar"
    server.files["/other.tar"] = NEW
    assert download_checked([other], path)["sha256"] == SHA256[NEW]  # of another server: fetched anew


@pytest.mark.parametrize("known", [{"size": len(OLD)}, {"sha256": SHA256[OLD]}, {"size": 5, "sha256": SHA256[OLD]}])
@pytest.mark.parametrize("wrong", [OLD[:-1], NEW + b"more"])
def test_wrong_bytes_are_removed_and_named(server, url, tmp_path, known, wrong):
    server.files["/0.tar"] = wrong
    with pytest.raises(UserError, match=rf"0.tar gave {len(wrong):,} bytes with sha256 \w+, which is not") as info:
        download_checked([url], tmp_path / "0.tar", **known)
    assert "\n" not in str(info.value) and str(info.value).count("gave") == 1
    assert len(server.asked) == 2 and names(tmp_path) == [".0.tar.url"]


def test_wrong_bytes_are_asked_for_once_more(server, url, tmp_path):
    server.instead = [NEW]
    assert download_checked([url], tmp_path / "0.tar", len(OLD), SHA256[OLD])["sha256"] == SHA256[OLD]
    (tmp_path / "0.tar").write_bytes(NEW)  # and what a disk has spoilt
    assert download_checked([url], tmp_path / "0.tar", len(OLD), SHA256[OLD])["sha256"] == SHA256[OLD]
    assert (tmp_path / "0.tar").read_bytes() == OLD and server.asked == [None] * 3


def test_the_next_mirror_is_asked_and_never_for_the_rest_of_anothers_file(server, url, tmp_path):
    missing, wrong, right = (f"{server.url}/{name}/0.tar" for name in ("missing", "wrong", "right"))
    server.files |= {"/wrong/0.tar": NEW, "/right/0.tar": OLD}
    server.etag, server.breaks = '"one for all"', [1_000_000, 0, 0, 0]
    user_error("could not be fetched", download, wrong, tmp_path / "0.tar")
    found = download_checked([missing, right, wrong], tmp_path / "0.tar", len(OLD), SHA256[OLD])
    assert found["url"] == right and (tmp_path / "0.tar").read_bytes() == OLD
    assert server.paths[-2:] == ["/missing/0.tar", "/right/0.tar"] and server.asked[-2:] == [None, None]


def test_when_no_mirror_gives_it_each_is_named(server, url, tmp_path):
    server.files["/b/0.tar"] = NEW
    with pytest.raises(UserError, match=r"^[^;]*/a/0.tar cannot be fetched: the [^;]* 404 [^;]*; [^;]*/b/0.tar gave"):
        download_checked([f"{server.url}/a/0.tar", f"{server.url}/b/0.tar"], tmp_path / "0.tar", sha256=SHA256[OLD])
