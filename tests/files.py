"""Files as several tests look at them, and a disk that is full."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, but for locks, by its path there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".lock"}


def listed(folder: Path) -> list[str]:
    """What a person sees in it."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file may have more bytes, as on a full disk: Python ignores the signal and gets an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
