"""Training curves of a run, from its metrics.jsonl.

    python -m training.curves encoders/small_scale/dead_leaves-mixed --output curves.png
    python -m training.curves runs/mine --numbers loss lr --output curves.png
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from utils.cli import UserError, parser, run
from utils.figures import save_figure
from utils.run_folder import RunFolder

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw_curves(metrics: list[dict[str, float]], names: Sequence[str], path: Path) -> None:
    """The numbers `names` against the step, each with a running mean, as one PNG."""
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 2.8), layout="constrained", squeeze=False)
    steps = np.array([m["step"] for m in metrics])
    window = max(1, len(steps) // 30)
    for axis, name in zip(axes[0], names, strict=True):
        values = np.array([m[name] for m in metrics])
        axis.plot(steps, values, color="0.8", linewidth=1)
        smooth = np.convolve(values, np.ones(window) / window, "valid")
        axis.plot(steps[window - 1 :], smooth, color="C0")
        axis.set(title=name, xlabel="step")
    save_figure(figure, path)
    plt.close(figure)


def main() -> None:
    p = parser("python -m training.curves", __doc__)
    p.add_argument("run", type=Path, help="run folder")
    p.add_argument("--output", type=Path, required=True, help="PNG file to write")
    p.add_argument("--numbers", nargs="+", default=["align", "uniform"], help="what to draw, of each step")
    args = p.parse_args()
    metrics = RunFolder(args.run).metrics(*args.numbers)
    if not metrics:
        raise UserError(f"{args.run}/metrics.jsonl holds no steps with {' and '.join(args.numbers)}; pass the folder "
                        "of a training run")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    draw_curves(metrics, args.numbers, args.output)
    print(f"{args.output}: {len(metrics)} steps")


if __name__ == "__main__":
    run(main)
