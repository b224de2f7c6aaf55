"""Our ranking of the noise datasets beside the paper's, with the rank correlation.

    python -m linear_eval.ranking results/photos --output results/photos

Writes ranking.md and ranking.png from result files: for each condition (task, protocol, number of training images, and
the precision of the encoders where there are several) the mean accuracy of every dataset that was measured and has a
published figure on ImageNet-100. For single tasks of VTAB nothing was published; vtab.md (`linear_eval.report`) has the
rank correlations of their groups.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from linear_eval.results import Cells, Condition, Result, collect, family, read_results
from linear_eval.tables.correlation import FEWEST, rank_correlation, rank_interval
from linear_eval.tables.published import noise, published
from utils.cli import parser, run
from utils.figures import save_figure
from utils.files import write_bytes


def paper() -> dict[str, float]:
    """The paper's accuracies on ImageNet-100, in percent, of the noise datasets."""
    return {name: figure.value for name, figure in published("imagenet100").items() if name in noise()}


def ours(cells: Cells, condition: Condition, names: Sequence[str]) -> dict[str, float]:
    """Our mean accuracy, in percent, of each of `names` that was measured; the best of several layers or widths."""
    means: dict[str, float] = {}
    for (row, where), values in cells.items():
        if where == condition and row.name in names:
            means[row.name] = max(means.get(row.name, -np.inf), float(np.mean(values)))
    return means


def ranking(results: Sequence[Result]) -> list[tuple[str, dict[str, float]]]:
    """Our means by condition and precision, for those with enough datasets."""
    names = list(paper())
    cells = collect([result for result in results if family(result) != "vtab"])
    measured = {(condition, row.precision) for row, condition in cells
                if row.name in names}
    several = len({precision for _, precision in measured}) > 1
    found = []
    for condition, precision in sorted(measured):
        means = ours({key: values for key, values in cells.items() if key[0].precision == precision}, condition, names)
        if len(means) >= FEWEST:
            found.append((f"{condition}, {precision or 'unknown precision'}" if several else str(condition), means))
    return found


def markdown(found: list[tuple[str, dict[str, float]]]) -> str:
    """A table with a row for each dataset, best of the paper's first, and a line with the rank correlations."""
    theirs = paper()
    measured = [means for _, means in found]
    names = sorted({name for means in measured for name in means}, key=lambda name: -theirs[name])
    ranks = stats.rankdata([-theirs[name] for name in names])
    lines = ["| | paper | rank | " + " | ".join(f"{condition} | rank" for condition, _ in found) + " |",
             "|---|---:|---:|" + "---:|---:|" * len(found)]
    for name, rank in zip(names, ranks, strict=True):
        texts = [name, f"{theirs[name]:.1f}", f"{rank:g}"]
        for means in measured:
            place = 1 + sum(other > means[name] for other in means.values()) if name in means else None
            texts += [f"{means[name]:.2f}", f"{place}"] if place else ["missing", ""]
        lines.append("| " + " | ".join(texts) + " |")
    notes = []
    for condition, means in found:
        rho, p = rank_correlation(list(means.values()), [theirs[name] for name in means])
        low, high = rank_interval(list(means.values()), [theirs[name] for name in means])
        notes.append(f"{condition}: Spearman's rank correlation with the paper {rho:+.2f} over {len(means)} datasets "
                     f"(95 % interval {low:+.2f} to {high:+.2f}, bootstrap over datasets; two-sided p = {p:.2g}, by "
                     "permutation).")
    source = published("imagenet100")[names[0]]
    return "\n".join([*lines, "", *notes, "", f"Paper: {source.what}; {source.source}.", ""])


def scatter(found: list[tuple[str, dict[str, float]]], path: Path) -> None:
    """Ours against the paper's, a panel for each condition."""
    theirs = paper()
    figure = Figure(figsize=(5.2 * len(found), 4.6), layout="constrained")
    for axes, (condition, means) in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        x, y = [theirs[name] for name in means], list(means.values())
        axes.plot(x, y, "o", color="#3b6ea5")
        for name, *place in zip(means, x, y, strict=True):
            axes.annotate(name, place, xytext=(4, 4), textcoords="offset points", fontsize=7)
        axes.set_title(f"rank correlation {rank_correlation(y, x)[0]:+.2f}", fontsize=9)
        axes.set_xlabel("paper: ImageNet-100 (%), digitised")
        axes.set_ylabel(f"ours: {condition} (%)")
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path, dpi=120)


def main() -> None:
    options = parser("python -m linear_eval.ranking", __doc__)
    options.add_argument("sources", type=Path, nargs="+", metavar="RESULT", help="result files, or folders of them")
    options.add_argument("--output", type=Path, required=True, help="folder for ranking.md and ranking.png")
    args = options.parse_args()
    found = ranking(read_results(args.sources))
    if not found:
        print(f"no ranking: that takes results of {FEWEST} or more of the paper's datasets")
        return
    args.output.mkdir(parents=True, exist_ok=True)
    table = markdown(found)
    write_bytes(args.output / "ranking.md", table.encode())
    scatter(found, args.output / "ranking.png")
    print(table, end="")


if __name__ == "__main__":
    run(main)
