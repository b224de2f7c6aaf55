"""The figure of a budget sweep: accuracy of probes over the budget of learned views, beside no views and expert ones.

    python -m train_viewmaker.sweep runs/viewmaker/results/photos-steps       # writes sweep.png and sweep.csv there

Reads the results of `linear_eval.compare`. Rows called learned-<budget> are the sweep; learned is that of 0.05.
"""

import re
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np

from linear_eval.results import find_results
from utils.cli import UserError, parser, run
from utils.figures import save_figure
from utils.files import write_bytes

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

BESIDE = ("none", "expert")  # drawn as lines


def accuracies(folder: Path) -> tuple[dict[float, list[float]], dict[str, list[float]]]:
    """Accuracies in percent, one a seed: by budget, ascending, and of the rows BESIDE. Raises UserError for fewer than
    two budgets."""
    sweep: dict[float, list[float]] = defaultdict(list)
    beside: dict[str, list[float]] = defaultdict(list)
    for result in find_results([folder]):
        name, accuracy = result["encoder"], result["accuracy"]
        if match := re.fullmatch(r"learned(?:-([0-9.]+))?", name):
            sweep[float(match[1] or 0.05)].append(accuracy)
        elif name in BESIDE:
            beside[name].append(accuracy)
    if len(sweep) < 2:
        raise UserError(f"{folder} holds results of {len(sweep)} budgets, and a sweep takes two or more; probe runs "
                        "called learned-0.1 and so on with linear_eval.compare first")
    return dict(sorted(sweep.items())), beside


def main() -> None:
    p = parser("python -m train_viewmaker.sweep", __doc__)
    p.add_argument("results", type=Path, help="folder of result files")
    folder = p.parse_args().results
    sweep, beside = accuracies(folder)
    figure, axis = plt.subplots(figsize=(4.8, 3.4))
    means, spreads = ([function(values) for values in sweep.values()] for function in (np.mean, np.std))
    axis.errorbar(list(sweep), means, spreads, marker="o", capsize=3, label="learned")
    for number, (name, values) in enumerate(sorted(beside.items()), 1):
        axis.axhline(np.mean(values), color=f"C{number}", linestyle="--", label=name)
    axis.set(xscale="log", xlabel="budget: mean change of a pixel", ylabel="accuracy of the probe (%)")
    axis.set_xticks(list(sweep), [f"{budget:g}" for budget in sweep])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    save_figure(figure, folder / "sweep.png")
    rows = [f"{key},{len(values)},{np.mean(values):.4f}" for key, values in [*sweep.items(), *sorted(beside.items())]]
    write_bytes(folder / "sweep.csv", "\n".join(["budget,seeds,accuracy", *rows, ""]).encode())
    print(f"{folder}: wrote sweep.png, sweep.csv; best budget {max(sweep, key=lambda key: np.mean(sweep[key])):g}")


if __name__ == "__main__":
    run(main)
