"""The rows and columns of a comparison, and how far each encoder lies from the one that it is compared with."""

import math
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
from scipy import stats

from linear_eval.features.baselines import ALL
from linear_eval.features.rows import RANDOM_INIT
from linear_eval.results import Condition, Result, RowKey, condition_of, distinct, row_of, task_of, width_text
from utils.cli import UserError


def welch(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of mean(ours) − mean(theirs), by Welch's t for unequal variances.

    None below two values on either side, 0 if neither side varies. With three seeds on one side it is approximate (it
    holds the truth in about 92 of 100 cases if that side varies twice as much).
    """
    if min(len(ours), len(theirs)) < 2:
        return None
    if len(set(ours)) == len(set(theirs)) == 1:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one side does not vary, as baselines do not
        interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    return float(interval.high - interval.low) / 2


def half_interval(ours: dict[int, float], theirs: dict[int, float]) -> float | None:
    """Half the width of the 95 % interval of the difference of two means, of values by seed. Where both have the same
    seeds it is Student's, of the differences seed by seed; else `welch`."""
    if ours.keys() != theirs.keys() or len(ours) < 2:
        return welch(list(ours.values()), list(theirs.values()))
    differences = [ours[seed] - theirs[seed] for seed in ours]
    return float(stats.t.ppf(0.975, len(ours) - 1) * np.std(differences, ddof=1) / math.sqrt(len(ours)))


class Summary(NamedTuple):
    """A cell of the table, in percent and points."""

    n: int
    mean: float | None = None
    sd: float | None = None  # of one repetition there is none
    standard_error: float | None = None  # of one repetition, by its number of images
    gap: float | None = None  # mean − the baseline's; None for itself, and where it was not measured
    half_interval: float | None = None  # of the gap, 95 %


def label(row: RowKey, rows: Sequence[RowKey]) -> str:
    """The row's name, with layer, width and precision where rows differ in them."""
    layers, widths = {r.layer for r in rows} - {""}, {r.width for r in rows} - {0}
    precisions = {r.precision for r in rows if r.layer}
    extra = [row.layer] * (bool(row.layer) and len(layers) > 1)
    extra += [f"width {width_text(row.width, row.layer)}"] * (bool(row.width) and len(widths) > 1)
    extra += [row.precision or "unknown precision"] * (bool(row.layer) and len(precisions) > 1)
    return f"{row.name} ({', '.join(extra)})" if extra else row.name


@dataclass(frozen=True)
class Comparison:
    """What was measured, and which rows are shown, in which order."""

    runs: dict[tuple[RowKey, Condition], dict[int, Result]]  # by seed
    conditions: list[Condition]
    all_rows: list[RowKey]  # from best to worst, then random initialisation, then baselines without a network
    rows: list[RowKey]  # those shown
    baselines: list[RowKey]  # that they are compared with
    chosen: str = ""  # how the user called the baseline

    def label(self, row: RowKey) -> str:
        return label(row, self.all_rows)

    def against(self, row: RowKey, condition: Condition) -> RowKey | None:
        """The row that `row` is compared with: the baseline that was chosen, if it is one row; else that with `row`'s
        layer, width and precision (for a row without a network: the only one)."""
        measured = [key for key in self.baselines if (key, condition) in self.runs]
        if not self.chosen or len(self.baselines) > 1:
            measured = [key for key in measured if not row.layer or key[1:] == row[1:]]
        return measured[0] if len(measured) == 1 and measured[0] != row else None

    def summary(self, row: RowKey, condition: Condition) -> Summary:
        """The cell of `row` and `condition`; n = 0 if it was not measured."""
        values = self.accuracies(row, condition)
        if not values:
            return Summary(0)
        several, mean = len(values) > 1, float(np.mean(list(values.values())))
        sd = float(np.std(list(values.values()), ddof=1)) if several else None
        error = None if several else next(iter(self.runs[row, condition].values())).get("standard_error")
        other = self.against(row, condition)
        if other is None:
            return Summary(len(values), mean, sd, error)
        theirs = self.accuracies(other, condition)
        gap = mean - float(np.mean(list(theirs.values())))
        return Summary(len(values), mean, sd, error, gap, half_interval(values, theirs))

    def accuracies(self, row: RowKey, condition: Condition) -> dict[int, float]:
        """In percent, by seed."""
        return {seed: result["accuracy"] for seed, result in self.runs.get((row, condition), {}).items()}

    def counts(self) -> dict[str, tuple[int, int]]:
        """Classes and validation images of each task, where its results say so."""
        said = {task_of(result): result["counts"] for runs in self.runs.values() for result in runs.values()}
        return {task: (counts["classes"], counts["val"]) for task, counts in sorted(said.items())
                if "classes" in counts and "val" in counts}


def compare(results: Sequence[Result], rows: Sequence[str] = (), baseline: str = "") -> Comparison:
    """The comparison of `results`.

    rows: those to show, in this order, by name, label, or pattern such as "stat-*" (default: all). baseline: the row
    that others are compared with (default: random initialisation). Raises UserError for a row that is not there, and
    for results that contradict (`distinct`).
    """
    runs: dict[tuple[RowKey, Condition], dict[int, Result]] = defaultdict(dict)
    for result in distinct(results):
        runs[row_of(result), condition_of(result)][result["seed"]] = result
    last = [RANDOM_INIT, *ALL]
    conditions = sorted({condition for _, condition in runs})

    def place(row: RowKey) -> tuple[int, float, RowKey]:
        means = [np.mean([result["accuracy"] for result in runs[row, condition].values()])
                 for condition in conditions if (row, condition) in runs]
        return last.index(row.name) + 1 if row.name in last else 0, -float(np.mean(means)), row

    found = sorted({row for row, _ in runs}, key=place)
    names = {row: (row.name, label(row, found)) for row in found}

    def named(pattern: str) -> list[RowKey]:
        matching = [row for row in found if pattern in names[row]]
        matching = matching or [row for row in found if any(fnmatchcase(text, pattern) for text in names[row])]
        if not matching:
            raise UserError(f"there is no row {pattern!r}; there are {', '.join(said for _, said in names.values())}")
        return matching

    shown = list(dict.fromkeys(row for pattern in rows for row in named(pattern))) or found
    baselines = named(baseline) if baseline else [row for row in found if row.name == RANDOM_INIT]
    return Comparison(dict(runs), conditions, found, shown, baselines, baseline)
