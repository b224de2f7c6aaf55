"""Accuracy on corrupted images, from result files of `linear_eval.robustness.measure`.

    python -m linear_eval.robustness results/corrupted --output results/corrupted
    python -m linear_eval.robustness results/corrupted --reference "random initialisation" --output results/corrupted

Writes robustness.md (a row an encoder: clean accuracy, mean corruption error, accuracy on each corruption, averaged
over severities), robustness.csv (every severity) and robustness.png. The mean corruption error is the error in percent,
averaged over severities and then over corruptions; with --reference each corruption's error is first divided by that
row's, as Hendrycks and Dietterich (2019) divide by AlexNet's: 100 is as bad as the reference. Seeds are averaged.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from datasets.corruptions.severities import CORE
from linear_eval.results import Result, RowKey, condition_of, escaped, find_results, row_of
from linear_eval.tables.comparison import label
from utils.cli import UserError, parser, run
from utils.figures import save_figure
from utils.files import write_bytes

Accuracies = dict[RowKey, np.ndarray]  # by row: percent, [seeds, corruptions, 5]


def collect(results: Sequence[Result]) -> tuple[Accuracies, dict[RowKey, np.ndarray], list[str], str]:
    """Accuracies, those on clean images [seeds], the corruptions, and what all have in common, in words.

    Raises UserError if there are none, if they are of several tasks, protocols or sets of corrupted images, or if two
    are of one row and seed.
    """
    results = [result for result in results if isinstance(result.get("corrupted"), dict)]
    if not results:
        raise UserError("no results on corrupted images; make some: python -m linear_eval.robustness.measure --help")
    about = {(condition_of(result), repr(sorted(result["corruptions"].items()))): result for result in results}
    if len(about) > 1:
        first, second = list(about.values())[:2]
        raise UserError(f"{first['file']} and {second['file']} differ in task, protocol, training images or corrupted "
                        "images; pass results of one kind at a time")
    facts = results[0]["corruptions"]
    names = list(facts["corruptions"])
    seen: dict[tuple[RowKey, int], Result] = {}
    found: Mapping[RowKey, list[Any]] = defaultdict(list)
    clean: Mapping[RowKey, list[float]] = defaultdict(list)
    for result in results:
        other = seen.setdefault((row_of(result), result["seed"]), result)
        if other is not result:
            raise UserError(f"{other['file']} and {result['file']} are of one row and seed; delete one")
        found[row_of(result)].append([result["corrupted"][name] for name in names])
        clean[row_of(result)].append(result["corrupted"].get("clean", result["accuracy"]))
    words = f"{condition_of(results[0])}; {facts['benchmark']}, {facts['source']}, {facts['images']:,} images"
    words += ", frost drawn" * (facts.get("frost") == "drawn" and "frost" in names)
    found, clean = ({row: np.array(values, float) for row, values in each.items()} for each in (found, clean))
    return found, clean, names, words


def mean_error(accuracies: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    """Mean corruption error of accuracies [seeds, corruptions, 5]: [seeds]. reference: accuracies of the row by whose
    errors each corruption's are divided."""
    errors = (100 - accuracies).mean(2)
    if reference is not None:
        errors = 100 * errors / (100 - reference).mean((0, 2))
    return errors.mean(1)


def markdown(found: Accuracies, clean: Mapping[RowKey, np.ndarray], names: Sequence[str], words: str,
             reference: np.ndarray | None) -> str:
    rows = sorted(found, key=lambda row: mean_error(found[row], reference).mean())
    title = "mean corruption error" if set(CORE) <= set(names) else f"mean error of {len(names)} corruptions"
    heads = ["", "n", "clean", title, *(name.replace("_", " ") for name in names)]
    lines = [words, "", "| " + " | ".join(heads) + " |", "|---|" + "---:|" * (3 + len(names))]
    for row in rows:
        error = mean_error(found[row], reference)
        cells = [escaped(label(row, rows)), str(len(error)), _spread(clean[row]), _spread(error)]
        cells += [f"{value:.1f}" for value in found[row].mean((0, 2))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "Accuracy in percent; the mean error " + (
        "in percent." if reference is None else "relative to the reference, which has 100.") + " ± is the standard "
        "deviation over n seeds.", ""])


def _spread(values: np.ndarray) -> str:
    return f"{values.mean():.1f}" + (f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else "")


def comma_separated(found: Accuracies, names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["encoder", "layer", "width", "precision", "corruption", "severity", "n", "accuracy_mean",
                     "accuracy_sd"])
    for row, values in sorted(found.items()):
        for corruption, name in enumerate(names):
            for severity in range(5):
                each = values[:, corruption, severity]
                spread = f"{each.std(ddof=1):.4f}" if len(each) > 1 else ""
                writer.writerow([row.name, row.layer, row.width or "", row.precision, name, severity + 1, len(each),
                                 f"{each.mean():.4f}", spread])
    return text.getvalue()


def figure(found: Accuracies, clean: Mapping[RowKey, np.ndarray], names: Sequence[str], words: str, path: Path) -> None:
    """Left: accuracy against severity (0: clean), averaged over corruptions; right: by corruption."""
    rows = sorted(found, key=lambda row: -found[row].mean())
    drawn = Figure(figsize=(12, max(4, 1.5 + 0.35 * len(rows))), layout="constrained")
    left, right = drawn.subplots(1, 2, width_ratios=(1, 1.6))
    for row in rows:
        by_severity = [clean[row].mean(), *found[row].mean((0, 1))]
        left.plot(range(6), by_severity, marker="o", markersize=3, label=label(row, rows))
    left.set_xlabel("severity (0: clean)")
    left.set_ylabel("accuracy (%)")
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=7, frameon=False)
    left.spines[["top", "right"]].set_visible(False)
    means = np.array([found[row].mean((0, 2)) for row in rows])
    right.imshow(means, aspect="auto", cmap="viridis")
    middle = (means.min() + means.max()) / 2
    for (y, x), value in np.ndenumerate(means):
        right.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=7, color="w" if value < middle else "k")
    right.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=60, ha="right", fontsize=8)
    right.set_yticks(range(len(rows)), [label(row, rows) for row in rows], fontsize=8)
    drawn.suptitle(words, fontsize=9)
    save_figure(drawn, path, dpi=150)


def main() -> None:
    options = parser("python -m linear_eval.robustness", __doc__)
    options.add_argument("sources", type=Path, nargs="+", metavar="RESULT", help="result files, or folders of them")
    options.add_argument("--output", type=Path, required=True, help="folder for the table and the figure")
    options.add_argument("--reference", metavar="NAME", help="the row whose errors others are divided by")
    args = options.parse_args()
    found, clean, names, words = collect(find_results(args.sources))
    reference = None
    if args.reference:
        named = [row for row in found if args.reference in (row.name, label(row, list(found)))]
        if len(named) != 1:
            raise UserError(f"{len(named)} rows are called {args.reference!r}; the rows are "
                            f"{', '.join(label(row, list(found)) for row in found)}")
        reference = found[named[0]]
        best = reference.mean((0, 2))
        if best.max() == 100:
            raise UserError(f"{args.reference!r} makes no mistakes on {names[best.argmax()]}, so no errors can be "
                            "divided by its; choose another --reference")
    args.output.mkdir(parents=True, exist_ok=True)
    table = markdown(found, clean, names, words, reference)
    write_bytes(args.output / "robustness.md", table.encode())
    write_bytes(args.output / "robustness.csv", comma_separated(found, names).encode())
    figure(found, clean, names, words, args.output / "robustness.png")
    print(table)
    print(f"{args.output}: wrote robustness.md, robustness.csv, robustness.png")


if __name__ == "__main__":
    run(main)
