"""Downloads that are whole or absent, and that go on where they stopped.

    download("https://huggingface.co/datasets/.../0.tar", "data/0.tar")
    download_checked(["http://one.org/a.zip", "http://two.org/a.zip"], "data/a.zip", size=..., sha256=...)

The bytes go to a hidden file beside, `.0.tar.part`, which takes its name when all have come. A transfer that breaks, or
whose process is killed, goes on from there, if the same server says that its file is still the same: by its ETag or,
without one, its date.
"""

import errno
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from utils.cli import UserError
from utils.files import read_record, write_bytes, write_json
from utils.progress import Progress

WAITS = (1.0, 3.0, 10.0)  # seconds before each new try
TIMEOUT = 30.0  # seconds without a byte
READ_AT_ONCE = 1 << 20  # bytes


class WrongFile(UserError):
    """A file that arrived whole but is not the right one."""


class Unreachable(UserError):
    """A server that does not answer, or whose address cannot be read."""


class NoRoom(UserError):
    """A disk that is full."""


class _Interrupted(Exception):
    """The transfer broke in a way that another try may mend; `answered`: after the server began to answer."""

    def __init__(self, problem: str, answered: bool = True):
        super().__init__(problem)
        self.answered = answered


def download(url: str, path: Path | str) -> None:
    """Fetch `url` to `path`; nothing is done if `path` is there.

    Tries go on as long as they bring something, and end after four that do not. Raises Unreachable if the server did
    not answer then, or if the address cannot be read; NoRoom if the disk is full; UserError if the server breaks off
    again and again, does not have the file, refuses it or answers with a web page.
    """
    path = Path(path)
    if path.exists():
        return
    _check_address(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    waits, most, answered = iter(WAITS), 0, False
    while True:
        try:
            _fetch(url, path, partial)
            return
        except _Interrupted as problem:
            have = partial.stat().st_size if partial.exists() else 0
            if have > most:
                waits, most = iter(WAITS), have
            answered = answered or problem.answered
            wait = next(waits, None)
            if wait is None:
                kind = UserError if answered else Unreachable
                raise kind(f"{url} could not be fetched ({problem}); see that there is a network and run the same "
                           "command again, which goes on where this stopped") from None
            print(f"{url}: {problem}; trying again in {wait:g} s", flush=True)
            time.sleep(wait)


def download_checked(urls: Sequence[str], path: Path | str, size: int | None = None,
                     sha256: str | None = None) -> dict[str, Any]:
    """Fetch the file of this `size` (bytes) and `sha256` (hex), where they are known, to `path`, from the first of
    `urls` that gives it.

    Returns {"url", "size", "sha256"} of what came. Other bytes are deleted, asked for once more, and then of the next
    server. A `path` that came from one of `urls` before is only checked; which one is kept beside it, in `.NAME.url`.
    Raises UserError with what each server did: Unreachable if that is all of them; NoRoom at once.
    """
    path = Path(path)
    origin = path.with_name(f".{path.name}.url")
    came_from = origin.read_text(errors="replace") if origin.exists() else ""
    if came_from not in urls:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    problems: list[UserError] = []
    for url in sorted(urls, key=lambda url: url != came_from):
        for _ in range(2):
            try:
                if not path.exists():
                    write_bytes(origin, url.encode(), durable=False)
                    download(url, path)
            except NoRoom:
                raise
            except UserError as problem:
                problems.append(problem)
                break
            found = {"size": path.stat().st_size, "sha256": _sha256(path)}
            if found == {"size": size or found["size"], "sha256": sha256 or found["sha256"]}:
                return {"url": url, **found}
            path.unlink()
            problems.append(UserError(f"{url} gave {found['size']:,} bytes with sha256 {found['sha256']}, which is not "
                                      "the file that is known by this name, and were removed"))
    kind = Unreachable if all(isinstance(problem, Unreachable) for problem in problems) else UserError
    raise kind("; ".join(dict.fromkeys(map(str, problems))))


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # each of these raises a ValueError for what it cannot read
        fine = parts.scheme in ("http", "https") and host and parts.port != 0 and parts.username is None
        fine = fine and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        fine = False
    if not fine:
        raise Unreachable(f"{url!r} is not an address such as http://server/path, in ASCII and without a user name; "
                          "correct it")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file, Progress(path.stat().st_size >> 20, f"checking {path.name}", "MB") as progress:
        while chunk := file.read(READ_AT_ONCE):
            digest.update(chunk)
            progress.update(len(chunk) >> 20)
    return digest.hexdigest()


def _fetch(url: str, path: Path, partial: Path) -> None:
    """One try: ask for what is missing, append it to `partial`, and give it its name if it is then complete."""
    note = path.with_name(f".{path.name}.version")  # of the file that `partial` is a part of
    before = _read(note) if partial.exists() else {}
    have, headers = 0, {"Accept-Encoding": "identity", "User-Agent": "python-urllib"}
    if before.get("url") == url and (have := partial.stat().st_size):  # a version means nothing to another server
        headers |= {"Range": f"bytes={have}-", "If-Range": _condition(before)}
    answered = False
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
            answered = True
            version = {"url": url, "etag": response.headers.get("ETag", ""),
                       "date": response.headers.get("Last-Modified", ""), "total": response.length}
            encoding = response.headers.get("Content-Encoding", "").strip().lower()
            if encoding not in ("", "identity"):
                raise UserError(f"{url} comes packed ({_plain(encoding)}), which was not asked for; try another server")
            if response.headers.get_content_type() == "text/html" and path.suffix not in (".html", ".htm"):
                raise UserError(f"{url} is a web page, not the file; open it in a browser to see what it asks for")
            if response.status == 206:
                version["total"] = _total(response.headers.get("Content-Range", ""), have, before.get("total"))
                if not version["total"] or (have and not _same(version, before)):
                    partial.unlink(missing_ok=True)
                    raise _Interrupted("the server sent a part of another file, or another part than was asked for")
            elif response.status == 200:  # the whole file: it is new, has changed, or the server knows no ranges
                have = 0
                partial.unlink(missing_ok=True)  # before the new note: the two always belong together
                note.unlink(missing_ok=True)
                if _condition(version):
                    write_json(note, version)
            else:
                raise _Interrupted(f"the server says {response.status}")
            with open(partial, "ab" if have else "wb") as file:
                _copy(response, file, have, version["total"], "/".join(url.split("/")[-2:]))
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()  # it is the response too
        said = f"the server says {error.code} {_plain(error.reason)}"
        if error.code != 416:
            if error.code < 500 and error.code not in (408, 429):
                raise UserError(f"{url} cannot be fetched: {said}") from None
            raise _Interrupted(said) from None
        if not have or (before.get("total"), error.headers.get("Content-Range")) != (have, f"bytes */{have}"):
            partial.unlink(missing_ok=True)  # the file has become shorter
            raise _Interrupted(said) from None  # else nothing was left to send
    except (OSError, http.client.HTTPException, ValueError) as error:
        # URLError is an OSError, and a redirection to no address a ValueError.
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom(f"{path} does not fit on its disk; make room and run the same command again, which goes on "
                         "where this stopped") from None
        if isinstance(error, OSError) and error.filename:  # ours, not the network's
            raise
        said = _plain(getattr(error, "reason", "") or error) or type(error).__name__
        raise _Interrupted(said, answered) from None
    os.replace(partial, path)
    note.unlink(missing_ok=True)


def _read(note: Path) -> dict[str, Any]:
    """The noted version of a file, {} if the note cannot be read."""
    try:
        return read_record(note, url=str, etag=str, date=str)
    except (FileNotFoundError, UserError):
        return {}


def _condition(version: dict[str, Any]) -> str:
    """The value of If-Range for this version of a file: its ETag, or else its date; "" if it has neither."""
    # A weak tag, W/"...", does not promise the same bytes.
    return version["etag"] if version["etag"].startswith('"') else version["date"]


def _same(version: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether both notes describe one version of a file; the later one, `version`, may leave out the date."""
    return (version["etag"] == before["etag"] and version["date"] in ("", before["date"])
            and before.get("total") in (None, version["total"]))


def _total(content_range: str, have: int, known: int | None) -> int | None:
    """The size of the whole file, in bytes, from the Content-Range of its part after `have`; None if it is another."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    if found is None or int(found[1]) != have:
        return None
    return known if found[2] == "*" else int(found[2])


def _copy(response: http.client.HTTPResponse, file: BinaryIO, have: int, total: int | None, name: str) -> None:
    """Append the body to `file`. Raises _Interrupted if it ends before `total` bytes are there."""
    shown = have >> 20
    with Progress((total or 0) >> 20, name, "MB", done=shown) as progress:
        while chunk := response.read1(READ_AT_ONCE):
            file.write(chunk)
            file.flush()
            have += len(chunk)
            progress.update((have >> 20) - shown)
            shown = have >> 20
    if total is not None and have != total:
        raise _Interrupted(f"{have:,} of {total:,} bytes came")


def _plain(text: object) -> str:
    """What a server or the system said, on one line and without control characters."""
    return "".join(c for c in " ".join(str(text).split()) if c.isprintable())[:200]
