"""Published accuracies: the numbers of published.yaml with their sources, in the order of the paper's charts."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

NOT_NOISE = ("baselines", "simulators", "real photographs")  # families whose images no random process made


class Figure(NamedTuple):
    """A published accuracy."""

    value: float  # in percent
    sign: str  # ">" if the bar is cut off at the edge of its chart, "≈" if it was read less surely, or ""
    read: str  # "digitised ± 0.1" or "exact"
    what: str
    source: str

    def __str__(self) -> str:
        digits = ".2f" if self.read == "exact" else "g" if self.sign == ">" else ".1f"
        return f"{self.sign}{self.value:{digits}}"


@cache
def _file() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("published.yaml").read_text())


@cache
def published(column: str, architecture: str = "SmallAlexNet") -> dict[str, Figure]:
    """The figures of encoders of `architecture` on `column` ("imagenet100", "imagenet1k", or a group of VTAB:
    "natural", "specialized", "structured") by the names of our datasets and rows; empty if there are none."""
    figures: dict[str, Figure] = {}
    for block in _file()["blocks"]:
        if block["architecture"] == architecture and column in block["columns"]:
            place = list(block["columns"]).index(column)
            for name, values in block["accuracy"].items():
                text, _, points = str(values[place] if isinstance(values, list) else values).partition(" ± ")
                number = text.lstrip(">≈")
                read = f"digitised ± {points}" if points else block["columns"][column]
                figures.setdefault(name, Figure(float(number), text.removesuffix(number), read, block["what"],
                                                block["source"]))
    return figures


def in_order(names: Collection[str]) -> list[tuple[str, str]]:
    """(family, name) of each of `names` in the order of the paper's charts; the others come last, as "other"."""
    families = _file()["families"]
    known = [(family, name) for family, members in families.items() for name in members]
    others = sorted(set(names) - {name for _, name in known})
    return [pair for pair in known if pair[1] in names] + [("other", name) for name in others]


def noise() -> list[str]:
    """The names of datasets that a random process made."""
    return [name for family, members in _file()["families"].items() if family not in NOT_NOISE for name in members]
