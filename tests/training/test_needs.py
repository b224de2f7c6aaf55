"""What a dataset and its encoder need: the table, and what is refused."""

import pytest

from generators import cost
from models import SmallAlexNet
from tests.files import user_error
from train_align_uniform.__main__ import TRAINER
from training import needs


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The command, with little to time; returns its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost, "ENOUGH", 0.02)

    def command(*arguments: str) -> str:
        needs.print_needs(TRAINER, None, arguments)
        return capsys.readouterr().out

    return command


TINY = ["--gpus", "--width", "0.03125", "--batch_size", "8"]


def test_the_table(call, tmp_path):
    said = call("dead_leaves-mixed", "stat-spectrum", "feature_vis-dead_leaves", "--samples", "800", "--resolution",
                "32", "--workers", "3", "--gpus", "--width=0.03125", "--batch_size", "16", "--epochs", "7")
    table = said[said.index("| dataset"):].split("\n\n")[0].splitlines()
    rows = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in table[2:]}
    assert list(rows) == ["dead_leaves-mixed", "stat-spectrum", "feature_vis-dead_leaves"]
    assert rows["feature_vis-dead_leaves"][1] == "needs an encoder: --encoder FILE"
    assert {len(cells) for cells in rows.values()} == {7}
    assert rows["stat-spectrum"][0] == "32" and rows["stat-spectrum"][4] == "2.3 MB"  # 800 × 32² × 3
    assert "seconds / 3 workers" in said and "7 × images / images/s, in steps of 16" in said
    assert not list(tmp_path.iterdir())


def test_memory_is_that_of_the_weights(call):
    text = call("dead_leaves-squares", "--samples", "800", "--resolution", "32", *TINY, "--steps", "9")
    weights = 4 * sum(p.numel() for p in SmallAlexNet(1 / 32).parameters())
    for multiple in (1, 3, 2):  # encoder.pth; weights, gradients and momentum; a checkpoint
        assert needs.human_bytes(multiple * weights) in text
    assert "Time to train: 9 × 8 / images/s" in text


@pytest.mark.parametrize(("arguments", "message"), [
    (["stat-wnn"], "no dataset called 'stat-wnn'; the names are fractaldb"),
    (["stat-wmm", "--gpus", "99"], "GPU 99 is not there"),
    (["stat-wmm", "--samples", "5"], "5 images are fewer than one batch of 768"),
    (["stat-wmm", "--resolution", "7"], "pass --resolution 16"),
    (["feature_vis-dead_leaves"], "feature_vis-dead_leaves: this needs the weights of a trained network"),
    (["feature_vis-dead_leaves", "--encoder", "none.pth"], "none.pth is not a file"),
    (["stat-wmm", "--encoder", "none.pth"], "none of stat-wmm needs an --encoder")])
def test_bad_input_is_refused_before_anything_is_timed(call, arguments, message, monkeypatch):
    monkeypatch.setattr(needs, "time_steps", None)
    user_error(message, call, *arguments)


def test_images_that_are_there_need_nothing_but_training(call, image_folder):
    said = call("feature_vis-dead_leaves", "--data", str(image_folder), *TINY)
    assert "\n| feature_vis-dead_leaves | 40 | 0 | 0 seconds | 0 bytes | 103.1 KB | " in said  # 22 × 40 × 40 × 3
    assert "GPUs: none" in said


def test_a_run_that_is_finished_or_was_begun_otherwise(call, tmp_path):
    (tmp_path / "config.json").write_text('{"data": {"shape": [24, 32, 32, 3]}}')
    asked = ["stat-spectrum", "--output", str(tmp_path), *TINY]
    user_error(r"was begun on 24 images, not 105,000; ask for as many, or choose another", call, *asked)
    (tmp_path / "encoder.pth").write_bytes(b"")
    assert call(*asked, "--samples", "24") == f"{tmp_path}: the encoder is there, and needs nothing\n"
    user_error("--data and --output are about one dataset", lambda: call("--output", str(tmp_path)))
