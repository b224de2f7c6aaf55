"""Downloads that are whole or absent, and that go on where they stopped.

    download("https://huggingface.co/datasets/.../0.tar", "data/0.tar")
    download_checked(["http://one.org/a.zip", "http://two.org/a.zip"], "data/a.zip", size=..., sha256=...)

The bytes go to a hidden file beside, `.0.tar.part`, which takes its name when all have come. A transfer that breaks, or
whose process is killed, goes on from there, if the same server says that its file is still the same (ETag, If-Range).
"""

import errno
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from utils.cli import UserError
from utils.files import write_bytes
from utils.progress import Progress

WAITS = (1.0, 3.0, 10.0)  # seconds before each new try
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 20


class WrongFile(UserError):
    """A file that came whole, and is not what it should be."""


class _Interrupted(Exception):
    """The transfer broke in a way that another try may mend."""


def download(url: str, path: Path | str) -> None:
    """Fetch `url` to `path`; nothing is done if `path` is there.

    Raises UserError if the server does not have the file or refuses it, answers with a web page, breaks off again and
    again, or cannot be reached, if the disk is full, and for an address that is none.
    """
    path = Path(path)
    if path.exists():
        return
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url!r} is not an address that begins with http:// or https://; correct it")
    path.parent.mkdir(parents=True, exist_ok=True)
    for wait in (*WAITS, None):
        try:
            _fetch(url, path)
            return
        except _Interrupted as problem:
            if wait is None:
                raise UserError(f"{url} could not be fetched ({problem}); see that there is a network and run the same "
                                "command again, which goes on where this stopped") from None
            time.sleep(wait)


def download_checked(urls: Sequence[str], path: Path | str, size: int | None = None,
                     sha256: str | None = None) -> dict[str, Any]:
    """Fetch the file of this `size` (bytes) and `sha256` (hex), where they are known, to `path`, from the first of
    `urls` that gives it.

    Returns {"url", "size", "sha256"} of what came. Other bytes are deleted, asked for once more, and then of the next
    server. A `path` that came from one of `urls` before is only checked; which one is kept beside it, in `.NAME.url`.
    Raises UserError with what each server did.
    """
    path = Path(path)
    origin = path.with_name(f".{path.name}.url")
    came_from = origin.read_text() if path.exists() and origin.exists() else ""
    if came_from not in urls:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    problems = []
    for url in sorted(urls, key=lambda url: url != came_from):
        for _ in range(2):
            try:
                if not path.exists():
                    write_bytes(origin, url.encode(), durable=False)
                    download(url, path)
            except UserError as problem:
                problems.append(str(problem))
                break
            found = {"size": path.stat().st_size, "sha256": _sha256(path)}
            if found == {"size": size or found["size"], "sha256": sha256 or found["sha256"]}:
                return {"url": url, **found}
            path.unlink()
            problems.append(f"{url} gave {found['size']:,} bytes with sha256 {found['sha256']}, which is not the file "
                            "that is known by this name, and were removed")
    raise UserError("; ".join(dict.fromkeys(problems)))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file, Progress(path.stat().st_size >> 20, f"checking {path.name}", "MB") as progress:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            progress.update(len(chunk) >> 20)
    return digest.hexdigest()


def _fetch(url: str, path: Path) -> None:
    """One try: ask for what is missing, append it, and give the file its name if it is then complete."""
    partial, tag = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.etag")
    have, headers = 0, {"Accept-Encoding": "identity", "User-Agent": "python-urllib"}
    if partial.exists() and tag.exists():
        etag, _, origin = tag.read_text().partition("\n")
        if origin == url and (have := partial.stat().st_size):  # a tag means nothing to another server
            headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
            if response.headers.get_content_type() == "text/html" and path.suffix not in (".html", ".htm"):
                raise UserError(f"{url} is a web page, not the file {path.name}; open it in a browser to see what it "
                                "asks for")
            if response.status != 206:  # the whole file: it is new, has changed, or the server knows no ranges
                have = 0
                partial.unlink(missing_ok=True)  # before the new tag: the two always belong together
                tag.unlink(missing_ok=True)
                etag = response.headers.get("ETag", "")
                if etag.startswith('"'):  # a weak one, W/"...", does not promise the same bytes
                    write_bytes(tag, f"{etag}\n{url}".encode(), durable=False)
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                partial.unlink()
                raise _Interrupted("the server sent another part than was asked for")
            length = response.headers.get("Content-Length")
            total = have + int(length) if length is not None else None
            with open(partial, "ab" if have else "wb") as file:
                _copy(response, file, have, total, path.name)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()  # it is the response too
        if error.code == 416:  # nothing is left to send, or the file has become shorter
            partial.unlink(missing_ok=True)
        elif error.code < 500 and error.code not in (408, 429):
            raise UserError(f"{url} cannot be fetched: the server says {error.code} {error.reason}") from None
        raise _Interrupted(f"the server says {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(f"{path} does not fit on its disk; make room and run the same command again, which goes on "
                            "where this stopped") from None
        if isinstance(error, OSError) and error.filename:  # ours, not the network's
            raise
        raise _Interrupted(str(getattr(error, "reason", "")) or str(error) or type(error).__name__) from None
    os.replace(partial, path)
    tag.unlink(missing_ok=True)


def _copy(response: http.client.HTTPResponse, file: BinaryIO, have: int, total: int | None, name: str) -> None:
    """Append the body to `file`. Raises _Interrupted if it is shorter than announced."""
    shown = have >> 20
    with Progress((total or 0) >> 20, name, "MB", done=shown) as progress:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            have += len(chunk)
            progress.update((have >> 20) - shown)
            shown = have >> 20
    if total is not None and have != total:
        file.flush()
        raise _Interrupted(f"{have:,} of {total:,} bytes came")
