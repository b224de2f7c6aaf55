"""Files that are whole or absent, and folders that one process writes at a time."""

import contextlib
import errno
import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from utils.cli import UserError


@contextlib.contextmanager
def errors_name(path: Path | str, hidden: Path | None = None) -> Iterator[None]:
    """An OSError in the block that names no file (a full disk), or only the file `hidden`, names `path` instead."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, hidden, str(hidden)):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def atomic_open(path: Path | str, durable: bool = True) -> Iterator[BinaryIO]:
    """Open `path` for writing bytes; the file takes its name only when the block ends without an exception.

    A reader, or a process killed at any moment, sees the old file or the new one, never a part. `durable` also waits
    until the bytes are on the disk, which a power cut asks for and a kill does not (skip it for thousands of images).
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with errors_name(path, partial):
        try:
            with open(partial, "wb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def write_bytes(path: Path | str, data: bytes, durable: bool = True) -> None:
    """Write `data` to `path` whole or not at all."""
    with atomic_open(path, durable) as file:
        file.write(data)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN and infinity are refused: they are not JSON."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def parse_json(text: str | bytes) -> Any:
    """json.loads that raises ValueError also for what is not JSON (NaN, infinity), for numbers that no float can hold
    (1e999), and for lists nested too deep."""
    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            raise ValueError(f"{number} is no number of JSON, or too large")
        return value

    try:
        return json.loads(text, parse_constant=finite, parse_float=finite)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def read_json(path: Path | str) -> Any:
    """Read a JSON file. Raises UserError when it cannot be parsed, or holds NaN or infinity, which are not JSON."""
    if not os.path.isfile(path) and os.path.exists(path):  # a pipe would be waited for
        raise UserError(f"{path} is no file; move it away")
    try:
        return parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); restore it, or move it away") from None


def read_record(path: Path | str, **fields: type) -> dict[str, Any]:
    """Read a JSON object that we wrote. Raises UserError when it lacks one of `fields`, or has one of another type."""
    value = read_json(path)
    if not isinstance(value, dict) or not all(isinstance(value.get(name), kind) for name, kind in fields.items()):
        raise UserError(f"{path} does not hold what was written there; restore it, or move it away")
    return value


def crc32(path: Path | str) -> int:
    """The CRC-32 of a file."""
    checksum = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def human_bytes(count: float) -> str:
    """1536 -> '1.5 KB'."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


@contextlib.contextmanager
def locked(path: Path | str, message: str = "", wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` (made if missing, left in place) for the length of the block. The file
    is for the lock alone: it may be emptied.

    The system drops the lock when the process ends, however it ends. If another process holds it, wait for it or raise
    UserError(`message`). Where the file system offers no locks (some network mounts) the block runs without one.
    """
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(message) from None
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
    try:
        yield
    finally:
        lock.release()
