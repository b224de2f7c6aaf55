"""Bar charts of comparisons, and figures as files that the same numbers give again byte for byte."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from linear_eval.features.baselines import ALL
from linear_eval.features.rows import RANDOM_INIT
from linear_eval.tables.comparison import Comparison
from utils.figures import UNDATED, save_figure

FORMATS = tuple(UNDATED)
ACROSS = 5  # panels side by side


def save(figure: Figure, path: Path, formats: Sequence[str] = FORMATS[:1]) -> list[str]:
    """Write `figure` to `path` with each of `formats`, as ".png", at its end; returns the names of the files."""
    files = [path.with_name(f"{path.name}.{form}") for form in formats]
    for file, form in zip(files, formats, strict=True):
        save_figure(figure, file, form, dpi=150)
    return [file.name for file in files]


def bar_chart(comparison: Comparison) -> Figure:
    """Horizontal bars, a panel a condition. Whiskers are standard deviations, or the standard error of a single run.

    Accuracies stand in a column of their own at the right. The dashed line is the baseline, the dotted one chance.
    """
    rows, conditions, counts = comparison.rows, comparison.conditions, comparison.counts()
    across = min(len(conditions), ACROSS)
    down = math.ceil(len(conditions) / across)
    figure = Figure(figsize=(2.2 + 3.4 * across, down * (1.2 + 0.32 * len(rows))), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15)  # inches: numbers nearer to their bars than to the next panel
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
    for axes in panels[len(conditions):]:
        axes.remove()
    for axes, condition in zip(panels, conditions, strict=False):
        for y, row in enumerate(rows):
            cell = comparison.summary(row, condition)
            text = "missing" if cell.mean is None else f"{cell.mean:.1f}"
            axes.text(1.02, y, text, va="center", fontsize=8, color="0.5" if cell.mean is None else "black",
                      transform=axes.get_yaxis_transform())
            if cell.mean is not None:
                colour = "0.65" if row.name == RANDOM_INIT or row.name in ALL else "#3b6ea5"
                axes.barh(y, cell.mean, color=colour, xerr=cell.sd or cell.standard_error, error_kw={"elinewidth": 1})
        for row in comparison.baselines:
            if (mean := comparison.summary(row, condition).mean) is not None:
                axes.axvline(mean, color="0.3", linestyle="--", linewidth=1, zorder=0)
        if condition.task in counts:
            axes.axvline(100 / counts[condition.task][0], color="0.3", linestyle=":", linewidth=1)
        axes.set_title(textwrap.fill(str(condition), 44), fontsize=9)
        axes.set_xlabel("accuracy (%)")
        axes.tick_params(labelbottom=True)  # also above a panel that is not there
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_yticks(range(len(rows)), [comparison.label(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first on top
    lines = (f"dashed: {comparison.chosen or RANDOM_INIT}; dotted: chance; whiskers: standard deviation, or of one run "
             "standard error")
    figure.supxlabel(textwrap.fill(lines, int(14 * figure.get_figwidth())), fontsize=8, color="0.3")
    return figure
