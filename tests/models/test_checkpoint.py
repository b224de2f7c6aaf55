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


def test_a_full_disk_raises_the_error_of_every_other_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    save_torch({"step": 1}, tmp_path / "last.pth")

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() > 10_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    monkeypatch.setattr("utils.files.open", Full, raising=False)
    with pytest.raises(OSError, match="No space left on device") as info:
        save_torch({"weights": torch.zeros(10**6)}, tmp_path / "last.pth")
    assert info.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == [tmp_path / "last.pth"]
    assert load_torch(tmp_path / "last.pth") == {"step": 1}
