"""Which encoders there are, and which can be trained."""

import json
import sys

import pytest

from tests.files import user_error
from training import trained
from utils.cli import UserError


@pytest.fixture
def home(tmp_path, make_images):
    """Images of three datasets, one of them not finished; one encoder done, one begun, one downloaded."""
    for name, count in (("stat-wmm", 5), ("stat-spectrum", 5), ("dead_leaves-mixed", 9)):
        make_images(tmp_path / "data" / name, 5)
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps({"count": count}))
    make_images(tmp_path / "data" / "stylegan-sparse", 2)
    (tmp_path / "data" / "stat-wmm" / "train" / "00000000" / ".00000001.jpg.77.tmp").write_text("half")
    (tmp_path / "data" / "stat-spectrum_color" / "train").mkdir(parents=True)
    for name, files in (("stat-wmm", {"done.json": '{"steps": 27400}', "encoder.pth": ""}),
                        ("stylegan-random", {"encoder.pth": ""}),
                        ("stylegan-oriented", {"encoder.pth": "", "source.json": '{"file": "encoder.pth"}'}),
                        ("stat-spectrum", {"metrics.jsonl": '{"step": 1}\n{"step": 2}\n'})):
        (tmp_path / "encoders" / name).mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / "encoders" / name / file).write_text(text)
    return tmp_path


@pytest.fixture
def call(home, monkeypatch, capsys):
    def command(*arguments: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["status", *arguments, "--data", str(home / "data"), "--encoders",
                                          str(home / "encoders")])
        trained.main()
        return capsys.readouterr().out.splitlines()

    return command


def test_every_state_is_said(call, home):
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in call()}
    assert lines["stat-wmm"] == "5 images done (27,400 steps)"
    assert lines["stat-spectrum"] == "5 images at step 2"
    assert lines["dead_leaves-mixed"] == "not finished (5 of 9) none"
    assert lines["stylegan-sparse"] == "there, without a record none"
    assert lines["stat-spectrum_color"] == "none none"
    assert lines["stylegan-random"] == "none there, not trained here"
    assert lines["stylegan-oriented"] == "none downloaded" and lines["3"] == "of 14 encoders are there"
    assert lines["images"].startswith("are missing: python -m generators dead_leaves-squares --output ")
    assert "fractaldb" not in lines


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_lost_encoder_can_be_had_again(call, home, cut_off):
    if cut_off:
        (home / "encoders" / "stat-wmm" / "done.json").write_text('{"steps": 27400, "encoder_sha256": "whole"}')
    else:
        (home / "encoders" / "stat-wmm" / "encoder.pth").unlink()
    assert "lacks encoder.pth, which training exports again" in "\n".join(call())
    assert "stat-wmm" in call("--list", "ready")


def test_damaged_records_do_not_hide_the_rest(call, home):
    (home / "data/stat-wmm/dataset.json").write_text("{")
    (home / "encoders/stat-wmm/done.json").write_text("[]")
    (home / "data/stat-spectrum/dataset.json").write_text('{"count": "5"}')
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in call()}
    assert lines["stat-wmm"] == "not readable: dataset.json not readable: a damaged record"
    assert lines["stat-spectrum"] == "there, without a record at step 2"
    assert lines["stylegan-oriented"] == "none downloaded"


def test_names_for_scripts(call):
    assert len(call("--list", "all")) == 14
    assert call("--list", "ready") == ["stat-spectrum", "stylegan-sparse"]
    assert call("stat-wmm", "stylegan-sparse", "stylegan-sparse", "--list", "ready") == ["stylegan-sparse"]


def test_names_without_images_are_refused(call, home):
    with pytest.raises(UserError, match=r"^no images of fractaldb, dead_leaves-mixed in "):
        call("stat-wmm", "fractaldb", "dead_leaves-mixed", "stylegan-oriented", "--list", "ready")
    (home / "data").rename(home / "other")
    (home / "data").mkdir()
    assert call("--list", "ready") == []  # three encoders are there
    (home / "encoders").rename(home / "others")
    user_error(r"^no images of dead_leaves-squares, ", call, "--list", "ready")
