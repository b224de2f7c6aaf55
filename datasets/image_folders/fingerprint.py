"""How the files of a folder are recognised: by what the system says of them, or by their contents.

    states_sha256(root, paths)      changes when a file may have changed; for what is kept on this machine
    contents_sha256(root, paths)    changes when contents or names do, and is the same for a copy; for records

Hashes of contents are remembered in a hidden file of the folder, so that only files that may have changed are read.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from utils.cli import UserError
from utils.cpus import usable_cpus
from utils.files import write_bytes
from utils.progress import Progress

REMEMBERED = ".contents"  # holds a SHA-256 of the rest, then two a file: of its name and state, of its contents
HASH = 32  # bytes of a SHA-256
MANY = 5000  # files to read from which on their progress is shown


def states_sha256(root: Path, paths: Sequence[Path]) -> str:
    """SHA-256 over name below `root`, size, times and inode of every file: no file is read.

    The time of the last change (ctime) and the inode notice two files that exchange their names, and contents that
    changed where size and mtime were set back. Raises UserError for a link to nothing, and for what is no file.
    """
    digest = hashlib.sha256()
    for name, state in _names_and_states(root, paths):
        digest.update(name + state)
    return digest.hexdigest()


def contents_sha256(root: Path, paths: Sequence[Path]) -> str:
    """SHA-256 over the name below `root` and the contents of every file, in the order of `paths`.

    A file is read if its name, size, times or inode are not those of the last time. Where `root` is not writable, all
    are read each time. Raises UserError for a link to nothing, and for what is no file.
    """
    names, keys = [], []
    for name, state in _names_and_states(root, paths):
        names.append(name)
        keys.append(hashlib.sha256(name + state).digest())
    memory = root / REMEMBERED
    known = _remembered(memory)
    unread = [i for i, key in enumerate(keys) if key not in known]
    shown = Progress(len(unread), f"reading {root}", "files") if len(unread) > MANY else contextlib.nullcontext()
    with ThreadPoolExecutor(usable_cpus()) as pool, shown as progress:
        for start in range(0, len(unread), 1000):
            part = unread[start : start + 1000]
            known.update(zip((keys[i] for i in part), pool.map(_sha256, (paths[i] for i in part)), strict=True))
            if progress:
                progress.update(len(part))
    if unread:
        kept = known if len(known) <= 2 * len(keys) else {key: known[key] for key in keys}  # of files long gone
        body = b"".join(key + contents for key, contents in kept.items())
        with contextlib.suppress(OSError):
            write_bytes(memory, hashlib.sha256(body).digest() + body, durable=False)
    digest = hashlib.sha256()
    for name, key in zip(names, keys, strict=True):
        digest.update(name + known[key])
    return digest.hexdigest()


def _names_and_states(root: Path, paths: Sequence[Path]) -> Iterator[tuple[bytes, bytes]]:
    """Name below `root` (ended by a zero byte, which no name holds) and state of each file."""
    above = len(os.fsencode(root / "_")) - 1
    for path in paths:
        name = os.fsencode(path)  # a name is bytes, and need not be valid UTF-8
        try:
            s = os.stat(name)
        except FileNotFoundError:
            raise UserError(f"{path} is a link to nothing, or was just deleted; remove or replace it") from None
        if not stat.S_ISREG(s.st_mode):
            raise UserError(f"{path} is no plain file; remove or replace it")
        yield name[above:] + b"\0", b"%d %d %d %d\n" % (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)


def _remembered(memory: Path) -> dict[bytes, bytes]:
    """SHA-256 of a file's name and state -> SHA-256 of its contents; empty if nothing is kept, or if it is damaged."""
    try:
        data = memory.read_bytes()
    except OSError:
        return {}
    body = data[HASH:]
    if hashlib.sha256(body).digest() != data[:HASH]:
        return {}
    return {body[i : i + HASH]: body[i + HASH : i + 2 * HASH] for i in range(0, len(body), 2 * HASH)}


def _sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
