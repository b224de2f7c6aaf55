"""Tables and figures from result files.

    python -m linear_eval.report results/photos --output results/photos
    python -m linear_eval.report a.json b.json more/ --output table --format pdf svg
    python -m linear_eval.report results/photos --rows "own-*" stat-wmm "raw pixels" --baseline stylegan-oriented \
        --output ours
    python -m linear_eval.report --into docs/results.md      # tables in the places that it marks

Writes table.md, table.csv and accuracy.png. Results that share row, task, protocol and number of training images are
repetitions (seeds): mean ± standard deviation and their number n; a single one has its standard error. An encoder
computed in two precisions has two rows, which say so. Beside it stands the difference to the baseline (by default
random initialisation at the same layer, width and precision), with its 95 % interval where both sides have two seeds or
more: seed by seed (Student's) where both have the same seeds, else Welch's. What was not measured is shown as missing.
The same files give the same bytes.

Where there are results on ImageNet-100 (ImageNet-1k, VTAB), it also writes imagenet100.md, .csv and .png (imagenet1k,
vtab): ours beside the published figures, in the order of the paper's charts. Results on a part of such a task's images
are left out of these, and named.

A place for a table in a Markdown file is two lines, `<!-- table: RESULT ... -->`, where --rows and --baseline may
follow, paths from the working folder, and `<!-- end -->`. --into fills all such places of a file.
"""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from linear_eval.results import Condition, Result, escaped, read_results, width_text
from linear_eval.tables import marked
from linear_eval.tables.comparison import Comparison, compare
from linear_eval.tables.figures import FORMATS, bar_chart, save
from linear_eval.tables.paper_tables import left_out, write_paper_tables
from utils.cli import UserError, parser, run
from utils.files import write_bytes

NOTE = ("Top-1 accuracy in percent on the whole validation set: mean ± standard deviation over n seeds, or, of one "
        "run, the standard error (s.e.) that the number of images gives. Differences in points, with their 95 % "
        "interval where both sides have at least two seeds: by seed where both have the same seeds, else Welch's.")


def markdown(comparison: Comparison) -> str:
    """A Markdown table: a row an encoder or baseline; for each condition accuracy and difference to the baseline."""
    difference = f"− {escaped(comparison.chosen or 'random init')}"
    lines = ["| | " + " | ".join(f"{escaped(condition)} | {difference}" for condition in comparison.conditions) + " |",
             "|---|" + "---:|---:|" * len(comparison.conditions)]
    for row in comparison.rows:
        texts = [escaped(comparison.label(row))]
        for condition in comparison.conditions:
            cell = comparison.summary(row, condition)
            if cell.mean is None:
                texts += ["missing", ""]
                continue
            spread = "" if cell.sd is None else f" ± {cell.sd:.2f}"
            error = "" if cell.standard_error is None else f", s.e. {cell.standard_error:.2f}"
            interval = "" if cell.half_interval is None else (
                f" [{cell.gap - cell.half_interval:+.2f}, {cell.gap + cell.half_interval:+.2f}]")
            texts.append(f"{cell.mean:.2f}{spread} (n = {cell.n}{error})")
            texts.append("" if cell.gap is None else f"{cell.gap:+.2f}{interval}")
        lines.append("| " + " | ".join(texts) + " |")
    counts = [f"{escaped(task)}: {val:,} validation images of {classes:,} classes, chance {100 / classes:.3g} %"
              for task, (classes, val) in comparison.counts().items()]
    return "\n".join([*lines, "", NOTE, *([f"{'; '.join(counts)}."] if counts else []), ""])


def comma_separated(comparison: Comparison) -> str:
    """The table as CSV, one line a row and condition; cells that were not measured have n = 0 and empty numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["encoder", "layer", "width", "precision", *Condition._fields, "n", "accuracy_mean", "accuracy_sd",
                     "standard_error", f"minus_{(comparison.chosen or 'random init').replace(' ', '_')}", "ci95_low",
                     "ci95_high"])
    for row in comparison.rows:
        for condition in comparison.conditions:
            cell = comparison.summary(row, condition)
            ends = [None, None] if cell.half_interval is None else [cell.gap - cell.half_interval,
                                                                    cell.gap + cell.half_interval]
            numbers = ["" if x is None else f"{x:.4f}"
                       for x in (cell.mean, cell.sd, cell.standard_error, cell.gap, *ends)]
            width = width_text(row.width, row.layer) if row.width else ""
            writer.writerow([row.name, row.layer, width, row.precision, *condition, cell.n, *numbers])
    return text.getvalue()


def write_report(results: Sequence[Result], output: Path, rows: Sequence[str] = (), baseline: str = "",
                 formats: Sequence[str] = FORMATS[:1]) -> tuple[str, list[str]]:
    """Write the tables and figures to the folder `output`; returns the Markdown table and the names of all files.
    Raises UserError (`compare`)."""
    comparison = compare(results, rows, baseline)
    output.mkdir(parents=True, exist_ok=True)
    table = markdown(comparison)
    write_bytes(output / "table.md", table.encode())
    write_bytes(output / "table.csv", comma_separated(comparison).encode())
    charts = save(bar_chart(comparison), output / "accuracy", formats)
    return table, ["table.md", "table.csv", *charts, *write_paper_tables(results, output, formats)]


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
    p.add_argument("--rows", nargs="+", default=[], metavar="ROW", help="rows to show, in this order; patterns such as "
                   "'stat-*' too (default: all, best first)")
    p.add_argument("--baseline", default="", metavar="ROW", help="row that differences are taken to (default: random "
                   "initialisation)")
    p.add_argument("--format", nargs="+", choices=FORMATS, default=["png"], help="of figures")
    p.add_argument("--into", type=Path, metavar="FILE.md", help="Markdown file to fill the marked places of; its marks "
                   "name the results")
    return p


def filled(text: str) -> str:
    """The Markdown `text` with the tables that its marks ask for (`tables.marked`)."""
    def table(words: list[str]) -> str:
        args = options().parse_args(words)
        return markdown(compare(read_results(args.sources), args.rows, args.baseline))

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
    table, files = write_report(results, args.output, args.rows, args.baseline, args.format)
    print(table)
    if partial := left_out(results):
        print("left out beside the published figures, because some of their images were missing when they were probed: "
              f"{', '.join(partial)}")
    print(f"{args.output}: wrote {', '.join(files)}")


if __name__ == "__main__":
    run(main)
