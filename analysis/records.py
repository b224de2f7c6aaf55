"""Result files of `python -m analysis`, as the report and the comparison with accuracies read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.measures.every import MEASURES
from utils.cli import UserError
from utils.files import read_json

Record = dict[str, Any]


def read_records(sources: Sequence[Path]) -> tuple[Record, list[Record]]:
    """The real set's result, and the others by name. Raises UserError if there are none, if one is damaged, or if they
    are not of one real set, one feature space and one size."""
    records: list[Record] = []
    for source in sources:
        for path in sorted(source.glob("*.json")) if source.is_dir() else [source]:
            record = read_json(path)
            if isinstance(record, dict) and record.get("kind") == "analysis":
                _check(record, path)
                records.append(record | {"file": path})
    real = [record for record in records if record["real"]]
    if len(real) != 1:
        raise UserError(f"{', '.join(map(str, sources))} hold {len(real)} results of a real set, not one; make them in "
                        "a folder of their own: python -m analysis --help")
    for record in records:
        for key in ("against_sha256", "features", "pixels"):
            if record[key] != real[0][key]:
                raise UserError(f"{record['file']} and {real[0]['file']} differ in {key}, so they do not stand in one "
                                "table; delete one")
    return real[0], sorted((record for record in records if not record["real"]), key=lambda one: one["name"])


def _check(record: Record, path: Path) -> None:
    kinds = {"name": str, "against": str, "images": int, "pixels": int, "against_sha256": str, "features": dict,
             "dimensions": int, "real": bool, "measures": dict, "spectrum": dict, "colour": dict, "notes": list,
             "warnings": list, "command": str}
    wrong = [key for key, kind in kinds.items() if not isinstance(record.get(key), kind)]
    if wrong or not record["measures"].keys() <= MEASURES.keys():
        raise UserError(f"{path} is not a result that this version writes ({', '.join(wrong) or 'measures'}); delete "
                        "it and measure again")


def value(record: Record, measure: str) -> float | None:
    """A measure of a set; None where it has none."""
    return record["measures"].get(measure, {}).get("value")


def feature_space(record: Record) -> str:
    """'fc6 of random (SmallAlexNet, 4096 features, input 64 pixels)'."""
    facts = record["features"]
    return (f"{facts['layer']} of {facts['model']} ({facts['architecture']}, {record['dimensions']:,} features, input "
            f"{facts['input']} pixels, {facts['precision']})")
