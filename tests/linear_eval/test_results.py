"""Result files: what counts once, what contradicts, and which results share a table."""

import json
import os
import random
from pathlib import Path

import pytest

from linear_eval.results import Condition, RowKey, Setting, collect, distinct, read_results, settings
from tests.files import user_error
from utils.cli import UserError


def result(name: str = "stat-wmm", accuracy: float = 40.0, *, task: str = "vtab-dtd", train: int = 1880,
           available: int = 1880, **facts: object) -> dict:
    return {"encoder": name, "layer": "fc6", "width": 1.0, "kind": "encoder", "encoder_sha256": name, "task": task,
            "task_sha256": task, "protocol": "paper", "seed": 0, "accuracy": accuracy, "standard_error": 0.5,
            "counts": {"train": train, "train_available": available, "val": 1880, "classes": 47}, **facts}


def baseline(accuracy: float, **facts: object) -> dict:
    row = result("raw pixels", accuracy, kind="baseline", **facts)
    return {key: value for key, value in row.items() if key not in ("layer", "width", "encoder_sha256")}


def write(folder: Path, **files: dict) -> list[Path]:
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return [folder]


@pytest.mark.parametrize(("change", "said"), [
    ({"encoder_sha256": "trained anew", "accuracy": 41.0}, "differ in encoder_sha256 and accuracy"),
    ({"encoder_sha256": "trained anew"}, "differ in encoder_sha256"),
    ({"accuracy": 40.1}, "differ in accuracy"),
    ({"counts": {"train": 1880, "train_available": 1880, "val": 100, "classes": 47}}, "differ in counts")])
def test_two_runs_of_one_cell(tmp_path, change, said):
    sources = write(tmp_path, one=result(), other=result() | change)
    message = user_error(said, lambda: collect(read_results(sources)))
    assert f"{tmp_path}/one.json and {tmp_path}/other.json hold two runs of one cell" in message
    assert "stat-wmm, vtab-dtd, paper, 1,880 images, seed 0" in message and "delete one" in message


def test_two_random_initialisations_under_one_seed(tmp_path):
    row = {"kind": "random_init", "encoder_sha256": None}
    sources = write(tmp_path, one=result(**row, init_seed=0), other=result(**row, init_seed=1))
    user_error("differ in init_seed", lambda: collect(read_results(sources)))


@pytest.mark.parametrize(("facts", "others"), [
    ({}, {"task_sha256": "others"}), ({"contents_sha256": "first"}, {"contents_sha256": "others"})])
def test_two_image_sets_under_one_name(tmp_path, facts, others):
    """Results from before contents were hashed say nothing of them, and stand beside both."""
    old, one = result("old"), result("one", **facts)
    assert len(collect([old, one, result("two", **facts)])) == 3
    sources = write(tmp_path, old=old, one=one, other=result("other", **others))
    user_error("(old|one).json and .*other.json measure on different .*--task", lambda: collect(read_results(sources)))


def test_what_differs_in_a_cells_name_is_no_contradiction():
    others = [{"seed": 1}, {"layer": "conv5"}, {"width": 0.25}, {"architecture": "ResNet50"}, {"protocol": "knn"},
              {"encoder": "stat-spectrum"}, {"task": "vtab-pets", "task_sha256": "pets"}]
    rows = [result() | change | {"encoder_sha256": str(change)} for change in [{}, *others]]
    rows += [result(train=1000, available=1880, selection=how) for how in ("uniform", "class-balanced")]
    rows += [result(train=1000, available=1000, selection="given list", task_sha256="VTAB-1k's own images")]
    rows += [result(task_sha256="a part of them", task_complete=False)]
    cells = collect(rows)
    assert sum(map(len, cells.values())) == len(rows)
    assert len(cells[RowKey("stat-wmm", "fc6", 1.0), Condition("vtab-dtd", "paper", 1880)]) == 2  # two seeds
    assert (RowKey("stat-wmm", "ResNet50.fc6", 1.0), Condition("vtab-dtd", "paper", 1880)) in cells
    assert (RowKey("stat-wmm", "fc6", 1.0), Condition("vtab-dtd", "paper (given list)", 1000)) in cells
    assert (RowKey("stat-wmm", "fc6", 1.0), Condition("vtab-dtd (partial)", "paper", 1880)) in cells


def test_a_baseline_beside_several_encoders_counts_once(tmp_path):
    sources = write(tmp_path, a=result("a", baselines=[baseline(20.0)]), b=result("b", baselines=[baseline(20.0)]))
    found = [row for row in distinct(read_results([*sources, tmp_path / "a.json"])) if row["encoder"] == "raw pixels"]
    assert [row["accuracy"] for row in found] == [20.0]


def test_a_baseline_of_two_machines_is_their_mean_unless_they_are_far_apart(tmp_path):
    rows = [result("a", baselines=[baseline(20.0, precision="float32")]),
            result("b", baselines=[baseline(20.6, precision="bfloat16")])]
    sources = write(tmp_path, a=rows[0], b=rows[1])
    [cell] = [values for (row, _), values in collect(read_results(sources)).items() if row.name == "raw pixels"]
    assert cell == [pytest.approx(20.3)]
    write(tmp_path, c=result("c", baselines=[baseline(21.5)]))  # three standard errors from the first
    user_error(r"a.json and .*c.json hold two runs", lambda: collect(read_results(sources)))


def test_bad_sources(tmp_path):
    user_error("is not there", read_results, [tmp_path / "none"])
    user_error("no results", read_results, [tmp_path])
    write(tmp_path, a={})
    user_error("not a result", read_results, [tmp_path / "a.json"])
    write(tmp_path, a=result(baselines=[{"accuracy": 3.0}]))
    user_error(r"a baseline in .*a.json is not a result", read_results, [tmp_path])


@pytest.mark.parametrize(("fact", "value"), [
    ("accuracy", None), ("accuracy", 150), ("accuracy", -3), ("accuracy", True), ("accuracy", "40"),
    ("seed", None), ("seed", 1.5), ("seed", False), ("encoder", 5), ("task", None),
    ("protocol", ["paper"]), ("layer", 6), ("selection", []), ("width", "full"), ("standard_error", None),
    ("counts", 7), ("counts", {}), ("counts", {"train": "many"}), ("counts", {"train": 0}),
    ("counts", {"train": 20, "train_available": None}), ("counts", {"train": 20, "train_available": 10}),
    ("task_complete", "no"), ("baselines", None), ("precision", 16), ("seed", -1),
    ("encoder", "caf\udce9"), pytest.param("width", 10**400, id="a huge width")])
def test_odd_facts_are_one_line_with_the_file(tmp_path, fact, value):
    for row, what in ((result() | {fact: value}, "the result"), (result(baselines=[result() | {fact: value}]),
                                                                 "a baseline")):
        write(tmp_path, a=row)
        with pytest.raises(UserError) as error:
            read_results([tmp_path])
        assert str(error.value) == (f"{what} in {tmp_path}/a.json has {fact} {value!r:.80}, which no probe gives; "
                                    "probe again")


def test_what_is_no_json_file_is_passed_over_and_nan_is_named(tmp_path):
    write(tmp_path, a=result())
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    assert len(read_results([tmp_path])) == 1
    write(tmp_path, a=result(accuracy=float("nan")))
    user_error(r"a\.json is not valid JSON \(NaN", read_results, [tmp_path])


def test_a_small_tasks_images_are_also_at_most_a_large_number():
    rows = [result(), result(task="vtab-svhn", train=20_000, available=73_257, selection="uniform")]
    assert settings(rows) == [Setting("SmallAlexNet", "fc6", 1.0, "paper", 20_000, "uniform")]
    assert str(settings(rows)[0]) == "protocol paper, up to 20,000 training images (uniform), fc6 of SmallAlexNet"
    rows.append(result(task="vtab-svhn", train=73_257, available=73_257))
    assert [setting.selection for setting in settings(rows)] == ["all", "uniform"]


def test_the_papers_settings_come_first():
    rows = [result(protocol=protocol, train=train, available=30_000, selection=how, width=width)
            for protocol in ("cached", "knn", "paper") for width in (0.25, 1.0)
            for train, how in ((1000, "uniform"), (20_000, "uniform"), (30_000, "all"))]
    rows += [result(layer="conv5"), result(architecture="ResNet50", layer="avgpool", width=0)]
    found = settings(rows)
    limits = [(setting.limit, setting.width) for setting in found]
    assert limits[:6] == [(limit, width) for limit in (float("inf"), 20_000, 1000) for width in (1.0, 0.25)]
    assert {setting.protocol for setting in found[:6]} == {"paper"}
    assert [setting.limit for setting in found[6:18]] == sorted((s.limit for s in found[6:18]), reverse=True)
    assert [setting.layer for setting in found[18:]] == ["conv5", "avgpool"]


def test_given_lists_are_not_drawn():
    rows = [result(train=1000, available=1000, selection="given list"),
            result(task="vtab-svhn", train=1000, available=73_257, selection="uniform")]
    assert [setting.selection for setting in settings(rows)] == ["given list", "uniform"]


def test_every_result_has_a_setting_and_no_network_is_mixed_with_another():
    rng = random.Random(0)
    for _ in range(200):
        rows = []
        for i in range(rng.randint(1, 12)):
            available = rng.choice([1000, 1880, 30_000])
            train = min(available, rng.choice([1000, 20_000, 30_000]))
            how = rng.choice(["uniform", "class-balanced"]) if train < available else "all"
            row = result(str(i), train=train, available=available, selection=how, protocol=rng.choice(["paper", "knn"]),
                         width=rng.choice([1.0, 0.25]), architecture=rng.choice(["SmallAlexNet", "ResNet50"]))
            rows.append(row if rng.random() < 0.7 else baseline(1.0, train=train, available=available, selection=how))
        found = settings(rows)
        assert len(set(found)) == len(found)
        for row in [row for row in rows if row["kind"] == "encoder"]:
            taken_by = [setting for setting in found if setting.takes(row)]
            assert taken_by and {setting[:4] for setting in taken_by} == {
                (row["architecture"], row["layer"], row["width"], row["protocol"])}
        for setting in found:
            assert any(setting.takes(row) for row in rows)
