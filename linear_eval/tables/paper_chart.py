"""Bar charts in the order and grouping of the paper's: ours and the published accuracies side by side."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure as Canvas

from linear_eval.features.rows import RANDOM_INIT
from linear_eval.tables.published import Figure, in_order

UPPER = "Places"  # the paper's upper reference
OURS, PUBLISHED = "#3b6ea5", "0.75"  # colours
CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # behind a number, so that no line crosses it


class Column(NamedTuple):
    """What was measured on one task or group of tasks; everything by the names of rows."""

    title: str
    ours: dict[str, list[float]]  # accuracies of the seeds, in percent
    partial: dict[str, str]  # what is missing, where some tasks of a group are there
    figures: dict[str, Figure]  # published

    def names(self) -> set[str]:
        return self.ours.keys() | self.partial.keys() | self.figures.keys()

    def mean(self, name: str) -> float | None:
        return float(np.mean(self.ours[name])) if name in self.ours else None

    def sd(self, name: str) -> float | None:
        return float(np.std(self.ours[name], ddof=1)) if len(self.ours.get(name, [])) > 1 else None

    def difference(self, name: str) -> float | None:
        """Ours − published, in points; None where one of them is missing or the published bar was cut off."""
        if name not in self.ours or name not in self.figures or self.figures[name].sign == ">":
            return None
        return self.mean(name) - self.figures[name].value


def bar_chart(panels: Sequence[tuple[str, Column]]) -> Canvas:
    """A figure with a panel for each (setting, column): whiskers are standard deviations, dashed lines random
    initialisation, and the triangle at the right edge is the published accuracy of Places."""
    canvas = Canvas(figsize=(11, 3.6 * len(panels)), layout="constrained")
    for axes, (setting, column) in zip(canvas.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        rows = in_order(column.names())
        gaps = [family != following for (family, _), (following, _) in pairwise(rows)]
        places = np.arange(len(rows)) + 0.8 * np.cumsum([0, *gaps])
        for place, (_, name) in zip(places, rows, strict=True):
            if name in column.ours:
                mean = column.mean(name)
                _bar(axes, place - 0.2, mean, f"{mean:.1f}", OURS, name, column.sd(name) or 0)
            else:
                said = " incomplete" if name in column.partial else " missing"
                axes.text(place - 0.2, 0, said, rotation=90, ha="center", va="bottom", fontsize=6, color="0.5")
            if name in column.figures:
                figure = column.figures[name]
                _bar(axes, place + 0.2, figure.value, str(figure), PUBLISHED, name)
        if UPPER in column.figures:
            axes.plot(1, column.figures[UPPER].value, "<", color="0.5", transform=axes.get_yaxis_transform(),
                      clip_on=False, label=f"{UPPER}, published")
        axes.plot([], [], "--", color="0.4", linewidth=1, label=RANDOM_INIT)
        axes.bar(0, 0, color=OURS, label="ours")
        axes.bar(0, 0, color=PUBLISHED, label="published")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=7, frameon=False)
        axes.set_xticks(places, [name for _, name in rows], rotation=40, ha="right", rotation_mode="anchor", fontsize=7)
        axes.set_title(f"{column.title}: {setting}", fontsize=8, loc="right")
        axes.set_ylabel("accuracy (%)", fontsize=8)
        axes.tick_params(axis="y", labelsize=7)
        axes.margins(x=0.01, y=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    return canvas


def _bar(axes: Any, place: float, height: float, text: str, colour: str, name: str, sd: float = 0) -> None:
    axes.bar(place, height, 0.4, color=colour, yerr=sd or None, error_kw={"elinewidth": 1})
    axes.annotate(text, (place, height + sd), xytext=(0, 2), textcoords="offset points", ha="center",
                  va="bottom", fontsize=6, rotation=90, bbox=CLEAR)
    if name == RANDOM_INIT:
        axes.axhline(height, color=colour, linestyle="--", linewidth=1, zorder=0)
