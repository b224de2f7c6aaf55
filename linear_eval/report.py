"""Tables and figures from result files.

    python -m linear_eval.report results/photos --output results/photos
    python -m linear_eval.report a.json b.json more/ --output table
    python -m linear_eval.report --into docs/results.md      # tables in the places that it marks

Writes table.md, table.csv and accuracy.png. Results that share row, task, protocol and number of training images are
repetitions (seeds): mean ± standard deviation and their number n. An encoder computed in two precisions has two rows,
which say so. Beside it stands the difference to random initialisation at the same layer, width and precision, with its
95 % interval (Welch) where both sides have two seeds or more. What was not measured is shown as missing. The same files
give the same bytes.

Where there are results on ImageNet-100 (ImageNet-1k, VTAB), it also writes imagenet100.md, .csv and .png (imagenet1k,
vtab): ours beside the published figures, in the order of the paper's charts. Results on a part of such a task's images
are left out of these, and named.

A place for a table in a Markdown file is two lines, `<!-- table: RESULT ... -->`, paths from the working folder, and
`<!-- end -->`. --into fills all such places of a file.
"""

import argparse
import csv
import io
import math
import sys
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from linear_eval.baselines import ALL
from linear_eval.results import Cells, Condition, Result, RowKey, collect, escaped, read_results
from linear_eval.rows import RANDOM_INIT
from linear_eval.tables import marked
from linear_eval.tables.paper_tables import left_out, write_paper_tables
from utils.cli import UserError, parser, run
from utils.files import atomic_open, write_bytes

ACROSS = 5  # panels side by side


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


class Summary(NamedTuple):
    """A cell of the table, in percent and points."""

    n: int
    mean: float | None
    sd: float | None  # of one repetition there is none
    gap: float | None  # mean − that of random initialisation; None for itself, and where it was not measured
    half_interval: float | None  # of the gap, 95 %


def summarise(cells: Cells, row: RowKey, condition: Condition) -> Summary | None:
    """The cell of `row` and `condition`, None if it was not measured.

    The gap is to random initialisation at the row's layer, width and precision; for rows without a network it is given
    only if one kind of random initialisation was measured.
    """
    values = cells.get((row, condition))
    if not values:
        return None
    initial = [cells[key, where] for key, where in cells if key.name == RANDOM_INIT and where == condition
               and (not row.layer or key[1:] == row[1:])]
    gap = half_interval = None
    if row.name != RANDOM_INIT and len(initial) == 1:
        gap, half_interval = float(np.mean(values) - np.mean(initial[0])), welch(values, initial[0])
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(len(values), float(np.mean(values)), sd, gap, half_interval)


def layout(cells: Cells) -> tuple[list[RowKey], list[Condition]]:
    """Rows (encoders from best to worst, then random initialisation, then baselines) and conditions, in order."""
    last = [RANDOM_INIT, *ALL]
    conditions = sorted({condition for _, condition in cells})

    def place(row: RowKey) -> tuple[int, float, RowKey]:
        means = [np.mean(cells[row, condition]) for condition in conditions if cells.get((row, condition))]
        return last.index(row.name) + 1 if row.name in last else 0, -float(np.mean(means)), row

    return sorted({row for row, _ in cells}, key=place), conditions


def label(row: RowKey, rows: Sequence[RowKey]) -> str:
    """The row's name, with layer, width and precision where rows differ in them."""
    layers, widths = {r.layer for r in rows} - {""}, {r.width for r in rows} - {0}
    precisions = {r.precision for r in rows if r.layer}
    extra = [row.layer] * (bool(row.layer) and len(layers) > 1)
    extra += [f"width {row.width:g}"] * (bool(row.width) and len(widths) > 1)
    extra += [row.precision or "unknown precision"] * (bool(row.layer) and len(precisions) > 1)
    return f"{row.name} ({', '.join(extra)})" if extra else row.name


def markdown(cells: Cells) -> str:
    """A Markdown table: a row an encoder or baseline; for each condition accuracy and difference to random init."""
    rows, conditions = layout(cells)
    lines = ["| | " + " | ".join(f"{escaped(condition)} | − random init" for condition in conditions) + " |",
             "|---|" + "---:|---:|" * len(conditions)]
    for row in rows:
        texts = [escaped(label(row, rows))]
        for condition in conditions:
            cell = summarise(cells, row, condition)
            if cell is None:
                texts += ["missing", ""]
                continue
            spread = "" if cell.sd is None else f" ± {cell.sd:.2f}"
            interval = "" if cell.half_interval is None else (
                f" [{cell.gap - cell.half_interval:+.2f}, {cell.gap + cell.half_interval:+.2f}]")
            texts.append(f"{cell.mean:.2f}{spread} (n = {cell.n})")
            texts.append("" if cell.gap is None else f"{cell.gap:+.2f}{interval}")
        lines.append("| " + " | ".join(texts) + " |")
    note = ("Top-1 accuracy in percent on the whole validation set: mean ± standard deviation over n seeds. "
            "Differences in points, with their 95 % interval (Welch) where both sides have at least two seeds.")
    return "\n".join([*lines, "", note, ""])


def comma_separated(cells: Cells) -> str:
    """The table as CSV, one line a row and condition; cells that were not measured have n = 0 and empty numbers."""
    rows, conditions = layout(cells)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["encoder", "layer", "width", "precision", *Condition._fields, "n", "accuracy_mean",
                     "accuracy_sd", "minus_random_init", "ci95_low", "ci95_high"])
    for row in rows:
        for condition in conditions:
            cell = summarise(cells, row, condition) or Summary(0, None, None, None, None)
            ends = [None, None] if cell.half_interval is None else [cell.gap - cell.half_interval,
                                                                    cell.gap + cell.half_interval]
            numbers = ["" if x is None else f"{x:.4f}" for x in (cell.mean, cell.sd, cell.gap, *ends)]
            writer.writerow([row.name, row.layer, row.width or "", row.precision, *condition, cell.n, *numbers])
    return text.getvalue()


def bar_chart(cells: Cells, path: Path) -> None:
    """Horizontal bars, a panel a condition; whiskers are standard deviations, the dashed line random initialisation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, conditions = layout(cells)
    across = min(len(conditions), ACROSS)
    down = math.ceil(len(conditions) / across)
    figure = Figure(figsize=(2.2 + 3.4 * across, down * (1.2 + 0.32 * len(rows))), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
    for axes in panels[len(conditions):]:
        axes.remove()
    for axes, condition in zip(panels, conditions, strict=False):
        for y, row in enumerate(rows):
            cell = summarise(cells, row, condition)
            if cell is None:
                axes.text(0, y, " missing", va="center", color="0.5", fontsize=8)
                continue
            colour = "0.65" if row.name == RANDOM_INIT or row.name in ALL else "#3b6ea5"
            axes.barh(y, cell.mean, color=colour, xerr=cell.sd, error_kw={"elinewidth": 1})
            axes.text(cell.mean + (cell.sd or 0), y, f" {cell.mean:.1f}", va="center", fontsize=8)
            if row.name == RANDOM_INIT:
                axes.axvline(cell.mean, color="0.3", linestyle="--", linewidth=1, zorder=0)
        axes.set_title(textwrap.fill(str(condition), 48), fontsize=9)
        axes.set_xlabel("accuracy (%)")
        axes.tick_params(labelbottom=True)  # also above a panel that is not there
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_yticks(range(len(rows)), [label(row, rows) for row in rows])
    axes.invert_yaxis()
    with atomic_open(path) as file:
        figure.savefig(file, format="png", dpi=150, metadata={"Software": None})


def write_report(results: Sequence[Result], output: Path) -> tuple[str, list[str]]:
    """Write the tables and figures to the folder `output`; returns the Markdown table and the names of all files."""
    cells = collect(results)
    output.mkdir(parents=True, exist_ok=True)
    table = markdown(cells)
    write_bytes(output / "table.md", table.encode())
    write_bytes(output / "table.csv", comma_separated(cells).encode())
    bar_chart(cells, output / "accuracy.png")
    return table, ["table.md", "table.csv", "accuracy.png", *write_paper_tables(results, output)]


def from_before(results: Sequence[Result]) -> list[str]:
    """Files of `cached` results by the older probe, which hashed no contents; none unless there are newer ones too."""
    cached = [result for result in results if result["protocol"] == "cached"]
    older = [result["file"] for result in cached if "contents_sha256" not in result]
    return older if len(older) < len(cached) else []


def options() -> argparse.ArgumentParser:
    """The options of the command, which are also those of a mark in a Markdown file."""
    p = parser("python -m linear_eval.report", __doc__)
    p.add_argument("sources", type=Path, nargs="*", metavar="RESULT", help="result files, or folders of them")
    p.add_argument("--output", type=Path, help="folder for the tables and figures")
    p.add_argument("--into", type=Path, metavar="FILE.md", help="Markdown file to fill the marked places of; its marks "
                   "name the results")
    return p


def filled(text: str) -> str:
    """The Markdown `text` with the tables that its marks ask for (`tables.marked`)."""
    def table(words: list[str]) -> str:
        args = options().parse_args(words)
        return markdown(collect(read_results(args.sources)))

    return marked.filled(text, table)


def main() -> None:
    args = options().parse_args()
    if bool(args.into) == bool(args.output) or bool(args.into) == bool(args.sources):
        raise UserError("pass results and an --output folder, or --into FILE.md alone")
    if args.into:
        write_bytes(args.into, filled(args.into.read_text()).encode())
        print(f"{args.into}: its tables are written anew")
        return
    results = read_results(args.sources)
    if older := from_before(results):
        print(f"warning: {len(older)} results of protocol cached, such as {older[0]}, are from before it chose its L2 "
              "weight as it does now, and stand beside newer ones; probe again to compare", file=sys.stderr)
    table, files = write_report(results, args.output)
    print(table)
    if partial := left_out(results):
        print("left out beside the published figures, because some of their images were missing when they were probed: "
              f"{', '.join(partial)}")
    print(f"{args.output}: wrote {', '.join(files)}")


if __name__ == "__main__":
    run(main)
