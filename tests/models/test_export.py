"""Exporting encoders from checkpoints."""

import sys

import pytest
import torch

from models import load_encoder
from models.checkpoint import random_encoder, save_torch
from models.export import main
from tests.files import user_error


@pytest.fixture
def export(monkeypatch):
    def call(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
        main()

    return call


@pytest.fixture
def checkpoint(tmp_path):
    encoder = random_encoder(3, 1 / 16)
    save_torch({"encoder": encoder.state_dict(), "optimizer": {}, "step": 5, "seconds": 1.0}, tmp_path / "last.pth")
    return encoder, tmp_path / "last.pth"


def test_the_encoder_of_a_run_at_any_step(export, checkpoint, tmp_path, capsys):
    encoder, path = checkpoint
    export(path, tmp_path / "encoder.pth")
    assert capsys.readouterr().out == f"{tmp_path}/encoder.pth: the SmallAlexNet in {path}\n"
    for found in (load_encoder(tmp_path / "encoder.pth"), load_encoder(path)):
        assert all(map(torch.equal, found.state_dict().values(), encoder.state_dict().values()))


def test_nothing_is_overwritten_and_other_files_are_refused(export, checkpoint, tmp_path):
    (tmp_path / "there.pth").write_text("mine")
    user_error("is there already", export, checkpoint[1], tmp_path / "there.pth")
    user_error("is not a", export, tmp_path / "there.pth", tmp_path / "encoder.pth")
    assert (tmp_path / "there.pth").read_text() == "mine" and not (tmp_path / "encoder.pth").exists()
