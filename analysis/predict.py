"""Does a measure of a noise set predict what an encoder learns from it? Rank correlations, a table and a figure.

    python -m analysis.predict results/analysis --accuracies results/photos --output results/analysis

Each measure of each set is put beside the accuracy of the encoder trained on it, for each condition in the results of
linear_eval, and beside the paper's on ImageNet-100. For measures that have a natural value, their distance from the
real set's is another row. Correlations are Spearman's, with a bootstrap interval over sets and p by permutation.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import INK, bare, save_figure
from analysis.measures.every import MEASURES
from analysis.page import Block, Picture, Table, Text, said, write_both
from analysis.records import Record, feature_space, read_records, value
from linear_eval.ranking import ours, paper
from linear_eval.results import collect, read_results
from linear_eval.tables.correlation import rank_correlation, rank_interval
from utils.cli import UserError, parser, run

FEWEST = 5  # sets: of four, no order is rarer than one in 24
NATURAL = ("spectrum", "derivatives", "wavelets")
PAPER = "paper, ImageNet-100"


def quantities(real: Record) -> dict[str, Callable[[Record], float | None]]:
    """What is correlated, by its title: a number of a set, None where it has none."""
    def distance(name: str) -> Callable[[Record], float | None]:
        return lambda record: None if value(record, name) is None else abs(value(record, name) - value(real, name))

    found: dict[str, Callable[[Record], float | None]] = {}
    for name, about in MEASURES.items():
        found[about.title] = lambda record, name=name: value(record, name)
        if name in NATURAL and value(real, name) is not None:
            found[f"{about.title}, from real"] = distance(name)
    return found


def accuracies(sources: list[Path], names: list[str]) -> dict[str, dict[str, float]]:
    """Accuracy in percent by set, for each condition with FEWEST sets and for the paper."""
    cells = collect(read_results(sources))
    found = {str(condition): ours(cells, condition, names) for condition in sorted({key for _, key in cells})}
    found[PAPER] = {name: accuracy for name, accuracy in paper().items() if name in names}
    return {condition: means for condition, means in found.items() if len(means) >= FEWEST}


def pairs(sets: list[Record], of: Callable[[Record], float | None], means: dict[str, float]) -> dict[str, tuple]:
    """(quantity, accuracy) of each set that has both, by name."""
    return {one["name"]: (of(one), means[one["name"]]) for one in sets
            if one["name"] in means and of(one) is not None}


def cell(points: list[tuple[float, float]]) -> tuple[str, float]:
    """'+0.61 (+0.10 to +0.88), p = 0.02' and p; nothing is said where all sets have one value."""
    if len(points) < FEWEST or len({x for x, _ in points}) == 1:
        return "", 1.0
    x, y = zip(*points, strict=True)
    (rho, p), (low, high) = rank_correlation(y, x), rank_interval(y, x)
    return f"{rho:+.2f} ({low:+.2f} to {high:+.2f}), p = {p:.2g}", p


def draw(sets: list[Record], rows: dict[str, Callable], columns: dict[str, dict[str, float]],
         found: dict[str, list[tuple[str, float]]], path: Path) -> None:
    """A panel for each quantity and condition, a dot for each set, under the correlation in its `cell`."""
    figure = Figure(figsize=(2.2 * len(columns) + 0.8, 1.35 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for number, (line, (title, of)) in enumerate(zip(grid, rows.items(), strict=True), 1):
        for axes, (condition, means), (text, _) in zip(line, columns.items(), found[title], strict=True):
            points = list(pairs(sets, of, means).values())
            axes.plot([y for _, y in points], [x for x, _ in points], "o", color=INK, markersize=3)
            axes.set_title(text.partition(" ")[0] or "one value", fontsize=7, pad=2)
            axes.tick_params(labelsize=5)
            bare(axes)
            if axes is line[0]:
                axes.set_ylabel(title.replace(", ", ",\n"), fontsize=6.5)
            if number == len(rows):
                axes.set_xlabel(condition.replace(", ", ",\n", 1) + " (%)", fontsize=7)
    save_figure(figure, path)


def main() -> None:
    p = parser("python -m analysis.predict", __doc__)
    p.add_argument("measures", type=Path, nargs="+", metavar="RESULT", help="results of python -m analysis")
    p.add_argument("--accuracies", type=Path, nargs="+", required=True, metavar="RESULT", help="results of linear_eval")
    p.add_argument("--output", type=Path, required=True, help="folder for prediction.md, .html and .png")
    args = p.parse_args()
    real, sets = read_records(args.measures)
    columns, rows = accuracies(args.accuracies, [one["name"] for one in sets]), quantities(real)
    if not columns:
        raise UserError(f"fewer than {FEWEST} of the measured sets have an accuracy; measure or train on more")
    if set(columns) == {PAPER}:
        print(f"warning: --accuracies holds fewer than {FEWEST} of the measured sets, so only the paper's figures are "
              "compared", file=sys.stderr)
    args.output.mkdir(parents=True, exist_ok=True)
    found = {title: [cell(list(pairs(sets, of, means).values())) for means in columns.values()]
             for title, of in rows.items()}
    tests = [p for line in found.values() for text, p in line if text]
    below = sum(p < 0.05 for p in tests)
    strict = sum(p < 0.05 / len(tests) for p in tests)
    draw(sets, rows, columns, found, args.output / "prediction.png")
    header = ["", *(f"{condition} ({len(means)} sets)" for condition, means in columns.items())]
    blocks: list[Block] = [
        Text("Spearman's rank correlation of each measure with accuracy, over noise sets, its 95 % interval by "
             f"bootstrap over sets, and p by permutation. Measures are against {real['name']}, in the feature space "
             f"{feature_space(real)}."),
        Table(header, [[title, *(text or "one value" for text, _ in line)] for title, line in found.items()]),
        Text(f"Of {len(tests)} correlations {below} have p < 0.05, where {0.05 * len(tests):.1f} would by chance if no "
             f"measure said anything; {strict} stay below 0.05 after Bonferroni's correction. Columns share their "
             "sets, and measures hang together, so these are far from independent. A correlation over a few families "
             "of sets says how families differ, not what would happen if one set were changed."),
        Picture(args.output / "prediction.png", "Each measure (up) beside accuracy (across), a dot for each set, with "
                "its rank correlation", 1)]
    write_both(args.output, "prediction", "Does it predict?", blocks,
               [said("analysis.predict", sys.argv[1:])])
    print(f"{args.output}/prediction.md: {len(tests)} correlations, {below} with p < 0.05")


if __name__ == "__main__":
    run(main)
