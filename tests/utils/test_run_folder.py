import json
import os
import socket
from pathlib import Path

import pytest

from tests.files import user_error
from utils.cli import UserError
from utils.run_folder import RunFolder, changes, environment


def test_a_new_folder_and_the_same_run_again(tmp_path):
    config = {"lr": 0.36, "epochs": (155, 170)}
    for threads in (1, 2):  # facts may differ
        with RunFolder.open(tmp_path / "runs" / "a", config, threads=threads) as run:
            assert json.loads((run.path / "config.json").read_text()) == {"lr": 0.36, "epochs": [155, 170]}
            assert json.loads((run.path / "environment.json").read_text())["threads"] == threads
            assert run.done() is None


def test_a_finished_run_keeps_its_environment(tmp_path):
    with RunFolder.open(tmp_path, {}, threads=1) as run:
        run.finish(loss=-1.0)
    with RunFolder.open(tmp_path, {}, threads=2):
        pass
    assert json.loads((tmp_path / "environment.json").read_text())["threads"] == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_no_record(tmp_path, number):
    with RunFolder.open(tmp_path, {"lr": 1}) as run:
        for step in (1, 2):
            run.log(step=step, loss=0.5)
        run.metrics_path.write_text(f'{run.metrics_path.read_text()}{{"step": 3, "loss": {number}}}\n{"[" * 100_000}\n')
        assert [line["step"] for line in run.metrics("loss")] == [1, 2]
        (tmp_path / "done.json").write_text(f'{{"loss": {number}}}')
        user_error(f"done.json is not valid JSON .{number} is no number", run.done, "loss")
    (tmp_path / "config.json").write_text(f'{{"lr": {number}}}')
    user_error(r"config\.json is not valid JSON", RunFolder.check, tmp_path, {"lr": 1})


def test_done_record(tmp_path):
    with RunFolder.open(tmp_path, {}) as run:
        assert run.done() is None
        run.finish(loss=-1.0)
    with RunFolder.open(tmp_path, {}) as run:
        assert run.done("loss") == {"loss": -1.0}
        user_error(r"done\.json does not hold what was written", run.done, "loss", "steps")


def test_other_options_are_named_and_nothing_is_touched(tmp_path):
    with RunFolder.open(tmp_path, {"lr": 0.36, "seed": 0, "old": 1}):
        pass
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=r"lr was 0.36, now 0.1; new was None, now 2; old was 1, now None"):
        with RunFolder.open(tmp_path, {"lr": 0.1, "seed": 0, "new": 2}):
            pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_differs_is_named_down_to_its_own_key():
    record = {"name": "noise", "seed": 0, "parameters": {"shape": "square", "block": 4}}
    before = {"data": {"resize": 96, "record": record}, "only": {"a": 1}, "list": [1, {"b": 2}]}
    now = {"data": {"resize": 96, "record": {**record, "seed": 1, "parameters": {"shape": "square"}}},
           "list": [1, {"b": 3}]}
    assert changes(before, now) == ("data.record.parameters.block was 4, now None; data.record.seed was 0, now 1; "
                                    "list was [1, {'b': 2}], now [1, {'b': 3}]; only was {...}, now None")
    assert changes(before, before) == ""


def test_a_check_says_what_opening_would_and_touches_nothing(tmp_path):
    RunFolder.check(tmp_path / "new", {"lr": 1})
    assert not (tmp_path / "new").exists()
    with RunFolder.open(tmp_path / "a", {"lr": (1, 2)}):
        user_error("in use by another run", RunFolder.check, tmp_path / "a", {"lr": (1, 2)})
    RunFolder.check(tmp_path / "a", {"lr": (1, 2)})
    user_error("lr was", RunFolder.check, tmp_path / "a", {"lr": 2})
    user_error("is a file", RunFolder.check, tmp_path / "a/config.json", {})
    (tmp_path / "a/config.json").write_text("[]")
    user_error(r"config\.json does not hold what was written there", RunFolder.check, tmp_path / "a", {})


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / ".config.json.17.tmp").write_text("{")  # killed in its first moments
    (tmp_path / ".lock").touch()
    with RunFolder.open(tmp_path, {"a": 1}):
        assert not (tmp_path / ".config.json.17.tmp").exists()
    (tmp_path / ".last.pth.17.tmp").write_bytes(bytes(100))
    with RunFolder.open(tmp_path, {"a": 1}):
        assert not (tmp_path / ".last.pth.17.tmp").exists()


def test_metrics_after_the_checkpoint_and_cut_lines_are_dropped(tmp_path):
    run = RunFolder(tmp_path)
    run.keep_metrics(0)  # none yet
    for step in (1, 2, 3):
        run.log(step=step, loss=step / 2)
    with open(run.metrics_path, "a") as file:
        file.write('{"step": 4, "lo')
    run.keep_metrics(2)
    assert run.metrics() == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}]
    with open(run.metrics_path, "a") as file:
        file.write('{"step": 3}')  # whole, but the newline is missing
    run.keep_metrics(9)
    assert [line["step"] for line in run.metrics()] == [1, 2]


@pytest.mark.parametrize("odd", ["[]", "{}", '{"step": "3"}', "7", "", "text"])
def test_lines_that_are_no_steps_are_passed_over(tmp_path, odd):
    run = RunFolder(tmp_path)
    assert run.metrics() == []
    run.metrics_path.write_text(f'{{"step": 1}}\n{odd}\n{{"step": 2}}\n')
    run.keep_metrics(2)
    assert run.metrics_path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_steps_that_lack_a_number_are_passed_over(tmp_path):
    run = RunFolder(tmp_path)
    for step, loss in ((1, "0.5"), (2, 0.5), (3, None)):
        run.log(step=step, loss=loss)
    assert run.metrics("loss") == [{"step": 2, "loss": 0.5}] and len(run.metrics()) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_names_the_metrics(tmp_path):
    run = RunFolder(tmp_path)
    run.metrics_path = Path("/dev/full")
    with pytest.raises(OSError, match="No space left") as info:
        run.log(step=1)
    assert info.value.filename == "/dev/full"


def test_environment_names_versions_and_neither_host_nor_path():
    facts = environment(threads=2)
    assert facts["threads"] == 2
    assert facts["torch"] and facts["numpy"] and facts["python"]
    text = json.dumps(facts)
    assert socket.gethostname() not in text and "/" not in text
