"""Files as several tests look at them, a disk that is full, and errors as a person reads them."""

import contextlib
import io
import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from utils.cli import UserError


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


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive of `files`, by name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        for name, data in files.items():
            written.writestr(name, data)
    return archive.getvalue()


def saved(value: object) -> bytes:
    """The file that torch.save writes."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Bomb:
    """Makes the folder `mark` when it is unpickled the unsafe way."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def user_error(match: str, function: Callable, *arguments: object, **options: object) -> str:
    """What the UserError says that this call must end in: one line in which `match` is found."""
    with pytest.raises(UserError, match=match) as info:
        function(*arguments, **options)
    said = str(info.value)
    del info  # its traceback holds this frame: what the call had open, such as sockets, would wait for the collector
    assert "\n" not in said
    return said
