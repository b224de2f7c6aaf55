"""Files of weights: whole or absent, whatever happens while they are written."""

import errno
import io
import os

import pytest
import torch

from models.checkpoint import load_torch, save_torch


class Poison:
    def __reduce__(self):
        raise ZeroDivisionError


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "last.pth"
    save_torch({"step": 1}, path)
    with pytest.raises(ZeroDivisionError):
        save_torch({"weights": torch.zeros(1000), "step": Poison()}, path)
    assert load_torch(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_a_kill_during_a_save_leaves_the_old_file(tmp_path, start):
    path = tmp_path / "last.pth"
    save_torch({"step": 1}, path)
    process = start(["-c", "import sys, time, torch\nfrom models.checkpoint import save_torch\n"
                     "class Slow:\n    def __reduce__(self): print('writing', flush=True); time.sleep(60)\n"
                     "save_torch([torch.zeros(10**6), Slow()], sys.argv[1])", path])
    assert process.stdout.readline() == "writing\n"
    process.kill()
    process.wait()
    assert load_torch(path) == {"step": 1}


FULL_DISK = """
import resource, sys, torch
from models.checkpoint import save_torch
from utils.cli import run
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
def main():
    save_torch({"weights": torch.zeros(10**6)}, sys.argv[1])
run(main)
"""


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path, start):
    path = tmp_path / "last.pth"
    save_torch({"step": 1}, path)
    process = start(["-c", FULL_DISK, path])  # a limit on the file size fails a write as a full disk does
    out, err = process.communicate()
    assert (process.returncode, out, err) == (1, "", f"error: {path}: File too large\n")
    assert load_torch(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_raises_the_error_of_every_other_file(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            if self.tell() > 10_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    monkeypatch.setattr("utils.files.open", Full, raising=False)
    with pytest.raises(OSError, match="No space left on device") as info:
        save_torch({"weights": torch.zeros(10**6)}, tmp_path / "last.pth")
    assert info.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []
