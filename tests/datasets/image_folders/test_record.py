"""The record of a folder of images: what it says, by whatever command and of whatever age."""

import json
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from datasets.image_folders.record import check_generated, make_record, record_of, recorded_count
from datasets.image_folders.writer import describe
from tests.files import user_error
from utils.cli import UserError


@pytest.mark.parametrize(("old", "said"), [
    ({}, {"counts": {}, "complete": True, "selection": "class-balanced", "family": ""}),
    ({"name": "ramps", "process": "a.Ramps", "count": 7}, {"name": "ramps", "counts": {"train": 7}}),
    ({"name": "animals", "splits": {"train": 3, "val": 1}}, {"counts": {"train": 3, "val": 1}}),
    ({"name": "x", "count": 8, "val": 4, "route": "shards"}, {"selection": "uniform", "family": "vtab"}),
    ({"count": 9, "val": 4, "classes_sha256": "ab", "complete": False}, {"family": "imagenet100", "complete": False}),
    ({"name": "vtab-of-mine", "counts": {"train": 2}}, {"selection": "class-balanced", "family": ""}),
    ({"count": "5"}, {"counts": {}}), ({"counts": [5]}, {"counts": {}})])
def test_records_of_any_age_are_read(tmp_path, old, said):
    (tmp_path / "dataset.json").write_text(json.dumps(old))
    record = record_of(tmp_path)
    assert {key: record[key] for key in said} == said and old.items() <= (record | old).items()
    assert recorded_count(tmp_path) == record["counts"].get("train")


def test_a_folder_without_a_record_is_a_users_own(tmp_path):
    assert record_of(tmp_path) == make_record("", "", {}) and recorded_count(tmp_path) is None


@pytest.mark.parametrize(("wrong", "said"), [({"complete": "no"}, "complete is 'no', not true or false"),
                                             ({"selection": "odd"}, "selection is 'odd', which is neither of")])
def test_what_no_command_writes_is_refused(tmp_path, wrong, said):
    (tmp_path / "dataset.json").write_text(json.dumps(wrong))
    user_error(said, record_of, tmp_path)


@dataclass(frozen=True)
class Grown:
    """A process that has got the field `turn` since a folder was made."""

    colour: str
    turn: float = 0.0
    resolution: int = 8
    seed: int = 0


@pytest.mark.parametrize(("process", "turn", "said"), [
    ("Grown", 0.0, ""), ("grown.Grown", 0.0, ""), ("generators.colours.grown.Grown", 0.0, ""),
    ("Grown", 0.5, r"parameters\.turn was 0\.0, now 0\.5"), ("grown.Shrunk", 0.0, "process was 'Shrunk', now 'Grown'")])
def test_a_folder_from_before_a_parameter_or_a_move_goes_on(tmp_path, process, turn, said):
    """What the record lacks had its default, and a class may move to another module; a record names the class alone."""
    record = describe(Grown("red"), "grown", 5, "png")
    assert record["process"] == "Grown"
    del record["parameters"]["turn"], record["counts"]
    (tmp_path / "dataset.json").write_text(json.dumps({**record, "process": process, "count": 5}))
    now = Grown("red", turn)
    with pytest.raises(UserError, match=rf"another dataset \({said}\)") if said else nullcontext():
        check_generated(tmp_path, describe(now, "grown", 6, "png"), now)
