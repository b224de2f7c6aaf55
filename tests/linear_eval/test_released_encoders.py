"""The released encoders: fetched, checked to be encoders, and then like ours."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from linear_eval import released_encoders
from linear_eval.features.find import find_encoders
from models import ResNet50, SmallAlexNet, load_encoder
from tests.files import listed, saved, user_error
from training.trained import encoder_of
from utils.run_folder import RunFolder

SMALL = "/encoders/small_scale/stat-wmm/encoder.pth"
LARGE = {"stylegan-oriented": "checkpoint_0199.pth.tar", "mixed-4": "checkpoint_0799.pth.tar"}


@pytest.fixture(scope="module")
def alexnet() -> bytes:
    """A small-scale encoder, narrow, with the prefix that DataParallel leaves."""
    state = SmallAlexNet(1 / 32).initialize(0).state_dict()
    return saved({f"module.{name}": value for name, value in state.items()})


@pytest.fixture(scope="module")
def moco() -> bytes:
    """A checkpoint of MoCo: query encoder (its key encoder would take as much again), queue, rest of the training."""
    state = {f"module.encoder_q.{name}": value for name, value in ResNet50().state_dict().items()}
    return saved({"epoch": 200, "arch": "resnet50", "state_dict": {**state, "module.queue": torch.zeros(128, 16)},
                  "optimizer": {"state": {}}})


@pytest.fixture
def ended(server, alexnet, tmp_path, monkeypatch, end):
    """Runs the command with `arguments` here, on this server; returns its exit code and what it prints."""
    server.files[SMALL] = alexnet
    monkeypatch.setenv("NOISE_LEARNING_URL", server.url)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["released", *map(str, arguments), "--output", str(tmp_path / "encoders")])
        return end(released_encoders.main)

    return call


def test_an_encoder_comes_with_a_record(server, command, alexnet, tmp_path):
    lines = command("stat-wmm")
    folder = tmp_path / "encoders/small_scale/stat-wmm"
    assert sorted(os.listdir(folder)) == ["encoder.pth", "source.json"] and listed(folder.parent) == ["stat-wmm"]
    assert (folder / "encoder.pth").read_bytes() == alexnet and load_encoder(folder / "encoder.pth")
    record = json.loads((folder / "source.json").read_text())
    assert record == {"name": "stat-wmm", "file": "encoder.pth", "architecture": "SmallAlexNet",
                      "url": server.url + SMALL, "size": len(alexnet), "sha256": hashlib.sha256(alexnet).hexdigest(),
                      "checked_against": None, "date": record["date"]}
    assert lines[-1].startswith(f"{folder}/encoder.pth: SmallAlexNet; {len(alexnet):,} bytes from {record['url']}, sha")
    asked = len(server.asked)
    assert command("stat-wmm") == lines[-1:] and len(server.asked) == asked  # nothing to do


def test_large_scale_encoders_are_checkpoints_of_moco(server, command, moco, tmp_path):
    server.files |= {f"/encoders/large_scale/{name}/{file}": moco for name, file in LARGE.items()}
    lines = command(*LARGE, "--scale", "large")
    home = tmp_path / "encoders/large_scale"
    for name, file in LARGE.items():
        assert sorted(os.listdir(home / name)) == [file, "source.json"]
        assert any(line.startswith(f"{home / name / file}: ResNet50; ") for line in lines)
    assert find_encoders([str(home)]) == [(name, 0, str(home / name / file)) for name, file in sorted(LARGE.items())]


def test_what_evaluates_finds_it_and_what_trains_leaves_it_alone(command, tmp_path):
    command("stat-wmm")
    folder = tmp_path / "encoders/small_scale/stat-wmm"
    assert find_encoders([str(tmp_path / "encoders")]) == [("stat-wmm", 0, str(folder / "encoder.pth"))]
    assert encoder_of(folder) == "downloaded"
    user_error(r"holds files but no config\.json", RunFolder.check, folder, {"seed": 0})


def test_what_is_no_such_encoder_is_removed_and_can_be_had_anew(server, command, refuses, alexnet, moco, tmp_path):
    code = saved(Path("not only tensors"))
    for wrong, match in ((b"<html>Not found</html>", "is not a"), (alexnet[:-100], "is not a complete checkpoint"),
                         (saved({"a": torch.zeros(1)}), "is no SmallAlexNet, ResNet-18 or ResNet-50"),
                         (saved({"state_dict": [1]}), "is not a state dict of tensors"),
                         (bytes([*alexnet[:20_000], alexnet[20_000] ^ 1, *alexnet[20_001:]]), "is damaged, in .*data"),
                         (alexnet.replace(b"PK\1\2\0\0\0\0", b"PK\1\2\0\0\x40\0"), "is not .* zip file version"),
                         (moco, "is a ResNet50, not a SmallAlexNet"), (code, "is not a plain state dict")):
        server.files[SMALL] = wrong
        refuses(f"unchecked-encoder.pth {match}.*; it came from {server.url}{SMALL} and was removed", "stat-wmm")
        assert not listed(tmp_path / "encoders/small_scale")
    server.files[SMALL] = alexnet
    assert command("stat-wmm")


def test_a_run_of_ours_or_anything_else_is_left_alone(server, refuses, tmp_path):
    folder = tmp_path / "encoders/small_scale/stat-wmm"
    for file in ("config.json", "done.json", "encoder.pth"):
        folder.mkdir(parents=True)
        (folder / file).write_text("{}")
        refuses("stat-wmm is there and was not downloaded by this command; choose another --output", "stat-wmm")
        assert os.listdir(folder) == [file] and not server.asked
        (folder / file).unlink()
        folder.rmdir()


def test_a_file_that_was_changed_since_is_noticed(command, refuses, tmp_path):
    command("stat-wmm")
    (tmp_path / "encoders/small_scale/stat-wmm/encoder.pth").write_bytes(b"")
    refuses("no longer holds just what was downloaded; remove it and run the same command again", "stat-wmm")


def test_what_was_removed_since_is_not_there(command, tmp_path):
    command("stat-wmm")
    (tmp_path / "encoders/small_scale/stat-wmm/encoder.pth").unlink()
    assert encoder_of(tmp_path / "encoders/small_scale/stat-wmm") == "lacks encoder.pth, which was downloaded"


def test_what_is_under_way_is_not_evaluated(command, alexnet, tmp_path):
    command("stat-wmm")
    work = tmp_path / "encoders/small_scale/stylegan-random.incomplete/0123456789ab"
    work.mkdir(parents=True)
    (work / "encoder.pth").write_bytes(alexnet)  # as a kill before the last step leaves it
    assert [name for name, _, _ in find_encoders([str(tmp_path / "encoders")])] == ["stat-wmm"]


def test_what_cannot_be_had(server, refuses, tmp_path):
    refuses("'stat-wnn' is not among the encoders released at small scale, which are dead_leaves-squares,", "stat-wnn")
    refuses("which are dead_leaves-mixed, .*, mixed-4$", "stat-wmm", "--scale", "large")
    refuses("encoders/small_scale/stat-spectrum/encoder.pth cannot be fetched: the server says 404", "stat-spectrum")
    server.kind = "text/html"
    refuses("stat-wmm/encoder.pth is a web page, not the file", "stat-wmm")
    assert not listed(tmp_path / "encoders/small_scale")
