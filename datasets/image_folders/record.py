"""dataset.json, the record of a folder of images, however the folder came to be. A folder without one is a user's own.

    name        what tables call the folder
    source      where the images come from
    counts      images by split, such as {"train": 126689, "val": 5000}
    complete    whether these are all the images of the dataset
    selection   how a limit takes training images: "class-balanced" or "uniform"
    family      whose tables its results belong to: "imagenet100", "vtab", or "" for none

What else a record holds is for the command that made the folder.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.cli import UserError
from utils.files import read_json
from utils.run_folder import changes

RECORD = "dataset.json"
SELECTIONS = ("class-balanced", "uniform")


def make_record(name: str, source: str, counts: Mapping[str, int], complete: bool = True,
                selection: str = "class-balanced", family: str = "", **details: Any) -> dict[str, Any]:
    """A record, as `write_json` takes it."""
    return {"name": name, "source": source, "counts": dict(counts), "complete": complete, "selection": selection,
            "family": family, **details}


def record_of(root: Path | str) -> dict[str, Any]:
    """The record in `root`, with defaults for what is missing; all defaults for a folder without a record.

    Counts that are no whole numbers are left out. Raises UserError for a file that is no JSON, and for an
    unknown value of `complete` or `selection`.
    """
    path = Path(root, RECORD)
    found = read_json(path) if path.exists() else {}
    found = found if isinstance(found, dict) else {}
    record = make_record("", "", {}) | _of_old(found) | found
    if not isinstance(record["complete"], bool):
        raise UserError(f"{path} says that complete is {record['complete']!r:.80}, not true or false; restore it, or "
                        "run the command that prepares the folder again")
    if record["selection"] not in SELECTIONS:
        raise UserError(f"{path} says that selection is {record['selection']!r:.80}, which is neither of "
                        f"{' and '.join(SELECTIONS)}; restore it, or run the command that prepares the folder again")
    counts = record["counts"] if isinstance(record["counts"], dict) else {}
    return record | {"counts": {split: count for split, count in counts.items() if type(count) is int}}


def _of_old(found: Mapping[str, Any]) -> dict[str, Any]:
    """What older records say under other keys."""
    said: dict[str, Any] = {"counts": found.get("splits", {"train": found.get("count"), "val": found.get("val")})}
    if "route" in found:
        said |= {"selection": "uniform", "family": "vtab"}
    elif "classes_sha256" in found:
        said |= {"family": "imagenet100"}
    return said


def recorded_count(root: Path | str) -> int | None:
    """The number of training images that the record in `root` names, None if it names none. Raises UserError
    (`record_of`)."""
    return record_of(root)["counts"].get("train")


def check_generated(root: Path, record: dict[str, Any], process: Any) -> None:
    """Raises UserError unless `root` is absent, empty, or a folder that `record`, that of `process`, extends.

    A parameter that an older record lacks was added since, and had its default then; where an older one names the class
    with its module, as 'generators.spectrum.Spectrum', the class counts: it may have moved.
    """
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file; choose another --output")
    if not (root / RECORD).exists():
        if root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir()):
            raise UserError(f"{root} holds files but no {RECORD}, so it was not made here; choose another --output")
        return
    before = record_of(root)
    there, asked = before["counts"].get("train"), record["counts"]["train"]
    if there is None or not isinstance(before.get("parameters"), dict):
        raise UserError(f"{root} was not generated, by its {RECORD}; choose another --output")
    defaults = {field.name: field.default for field in dataclasses.fields(process)
                if field.default is not dataclasses.MISSING and field.name in record["parameters"]}
    before |= {"parameters": defaults | before["parameters"], "process": str(before.get("process")).rpartition(".")[2]}
    kept = ("name", "process", "parameters", "seed", "resolution", "format")
    if said := changes({key: before.get(key) for key in kept}, {key: record[key] for key in kept}):
        raise UserError(f"{root} holds another dataset ({said}); choose another --output")
    if there > asked:
        raise UserError(f"{root} is a dataset of {there} images, more than the {asked} asked for; choose another "
                        f"--output, or --samples {there}")
