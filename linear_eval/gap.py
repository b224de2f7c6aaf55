"""How much of what photos teach noise teaches: the gap between random initialisation and photos that each set closes.

    python -m linear_eval.gap results/photos --photos photos-tiny_imagenet-100 --output docs/gap.png
    python -m linear_eval.gap results/photos/*/*-cached-*.json --photos photos-tiny_imagenet-100 --output docs/gap.png

0 % is the accuracy of a random initialisation, 100 % that of the encoder called --photos, of the same width, layer and
precision, in the same column of results. A panel for each column in which both were measured, and one for the paper's
figures on ImageNet-100, where 100 % is its encoder of Places. What was not measured is shown as missing. Whiskers are
standard errors: of the validation images drawn, and of the seeds where there are several.
"""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from linear_eval.features.rows import RANDOM_INIT
from linear_eval.results import Condition, Result, RowKey, condition_of, distinct, read_results, row_of
from linear_eval.tables.published import noise, published
from utils.cli import UserError, parser, run
from utils.figures import save_figure

PAPERS_PHOTOS = "Places"


class Measured(NamedTuple):
    """Percent, with its standard error."""

    value: float
    error: float


class Panel(NamedTuple):
    title: str
    closed: dict[str, Measured]  # percent of the gap, by dataset


def accuracy(runs: Sequence[Result]) -> Measured:
    """Of the repetitions of one cell: their mean, and the errors of validation images and of seeds together."""
    values = [run["accuracy"] for run in runs]
    of_images = np.mean([run.get("standard_error", 0) ** 2 for run in runs])
    of_seeds = np.var(values, ddof=1) / len(values) if len(values) > 1 else 0
    return Measured(float(np.mean(values)), float(np.sqrt(of_images + of_seeds)))


def closed(of: Measured, nothing: Measured, photos: Measured) -> Measured:
    """Percent of the way from `nothing` to `photos`, its error to first order, as if the three were independent."""
    gap = photos.value - nothing.value
    share = (of.value - nothing.value) / gap
    error = np.sqrt(of.error**2 + ((1 - share) * nothing.error) ** 2 + (share * photos.error) ** 2) / gap
    return Measured(100 * share, 100 * float(error))


def panels(results: Sequence[Result], photos: str) -> list[Panel]:
    """A panel for each condition and kind of network in which `photos` beats a random initialisation."""
    cells: dict[tuple[RowKey, Condition], list[Result]] = defaultdict(list)
    for result in distinct(results):
        cells[row_of(result), condition_of(result)].append(result)
    found = []
    for key, condition in sorted(cells):
        initial = key._replace(name=RANDOM_INIT), condition
        if key.name != photos or initial not in cells:
            continue
        nothing, best = accuracy(cells[initial]), accuracy(cells[key, condition])
        if best.value > nothing.value:
            found.append(Panel(str(condition), {
                row.name: closed(accuracy(runs), nothing, best) for (row, where), runs in cells.items()
                if where == condition and row[1:] == key[1:] and row.name in noise()}))
    return found


def papers_panel() -> Panel:
    figures = {name: Measured(figure.value, 0) for name, figure in published("imagenet100").items()}
    nothing, photos = figures[RANDOM_INIT], figures[PAPERS_PHOTOS]
    return Panel("the paper: ImageNet-100, full size (digitised)",
                 {name: closed(figures[name], nothing, photos) for name in noise() if name in figures})


def chart(found: Sequence[Panel], photos: str, path: Path) -> None:
    """Our panels, and the paper's beside them. Sets stand from best to worst by their mean over our panels; those that
    we did not measure come last, by the paper's figure."""
    paper = papers_panel()
    names: list[str] = []
    for panels in (found, [paper]):
        means = {name: np.mean([panel.closed[name].value for panel in panels if name in panel.closed])
                 for name in noise() if name not in names and any(name in panel.closed for panel in panels)}
        names += sorted(means, key=lambda name: -means[name])
    columns = [(panel, photos, "#3b6ea5") for panel in found] + [(paper, PAPERS_PHOTOS, "0.65")]
    figure = Figure(figsize=(1.8 + 3 * len(columns), 1.1 + 0.24 * len(names)), layout="constrained")
    for axes, (panel, best, colour) in zip(figure.subplots(1, len(columns), sharey=True), columns, strict=True):
        for y, name in enumerate(names):
            if name not in panel.closed:
                axes.text(2, y, "missing", va="center", color="0.6", fontsize=7)
                continue
            share = panel.closed[name]
            axes.barh(y, share.value, xerr=share.error or None, color=colour, error_kw={"elinewidth": 1})
            axes.text(share.value + share.error + 1, y, f"{share.value:.0f}", va="center", fontsize=7)
        axes.axvline(100, color="0.3", linestyle="--", linewidth=1, zorder=0)
        axes.set_title(textwrap.fill(panel.title, 34), fontsize=9)
        axes.set_xlabel(f"% of the way from random\ninitialisation to {best}", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    save_figure(figure, path, dpi=150)


def main() -> None:
    options = parser("python -m linear_eval.gap", __doc__)
    options.add_argument("sources", type=Path, nargs="+", metavar="RESULT", help="result files, or folders of them")
    options.add_argument("--photos", required=True, help="name of the encoder that was trained on photos")
    options.add_argument("--output", type=Path, required=True, help="the picture (PNG)")
    args = options.parse_args()
    found = panels(read_results(args.sources), args.photos)
    if not found:
        raise UserError(f"no column of these results holds {args.photos} and, below it, a random initialisation of "
                        "its kind; see their table: python -m linear_eval.report")
    chart(found, args.photos, args.output)
    for panel in found:
        print(f"{panel.title}: " + ", ".join(f"{name} {share.value:.0f} ± {share.error:.0f} %" for name, share in
                                             sorted(panel.closed.items(), key=lambda pair: -pair[1].value)))
    print(f"{args.output}: wrote it")


if __name__ == "__main__":
    run(main)
