"""Probe every encoder of a comparison, decoding the task once.

    python -m linear_eval.compare --data data/cifar10 --runs runs/cifar10 --train-limit 5000 50000 --output results

Finds <runs>/<name>/seed-<k>/encoder.pth and writes one result a row and number of training images to
<output>/<name>-seed-<k>-<images>.json, for these encoders, for random initialisations at their widths and for the
baselines without a network. Seed k also chooses the training images and the split on which the regularisation is
chosen. What is there already is left alone, so the same command goes on where it stopped, or adds what has been trained
since. A file that holds another result (of an encoder trained anew, say) is refused.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from linear_eval.baselines import BASELINES
from linear_eval.evaluate import Row, baseline_row, encoder_row, evaluate, finished, load_task, random_row
from models import SmallAlexNet, load_encoder
from utils.cli import UserError, parser, positive_int, run
from utils.devices import choose_device
from utils.files import write_json
from utils.progress import Progress


def find_runs(root: Path) -> list[tuple[str, int, Path]]:
    """(name, seed, encoder file) of every finished run, by seed and then name. Raises UserError if there is none."""
    found = [(path.parents[1].name, int(match[1]), path) for path in sorted(root.glob("*/seed-*/encoder.pth"))
             if (match := re.fullmatch(r"seed-(\d+)", path.parent.name))]
    if not found:
        raise UserError(f"no encoders in {root}; they are looked for as {root}/<name>/seed-<k>/encoder.pth")
    return sorted(found, key=lambda item: (item[1], item[0]))


def main() -> None:
    p = parser("python -m linear_eval.compare", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--runs", type=Path, required=True, help="folder of runs, <name>/seed-<k>/")
    p.add_argument("--output", type=Path, required=True, help="folder for the result files")
    p.add_argument("--task", help="the task's name in tables (default: that of the --data folder)")
    p.add_argument("--train-limit", type=positive_int, nargs="+", help="numbers of training images (default: all)")
    p.add_argument("--random-inits", type=int, default=10, help="random initialisations, seeds 0, 1, ...")
    p.add_argument("--layer", choices=SmallAlexNet.LAYERS, default="fc6", help="where features are taken")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    device = choose_device(args.gpus)
    task = load_task(args.data, args.task)
    runs = find_runs(args.runs)
    widths = sorted({load_encoder(path).blocks[5][1].out_features / 4096 for _, _, path in runs})
    limits = args.train_limit or [len(task.train.paths)]

    def rows() -> Iterator[tuple[str, int, dict[str, Any], Callable[[], Row]]]:
        for name in BASELINES:
            yield name, 0, {}, lambda name=name: baseline_row(name)
        for name, seed, path in runs:
            facts = {"layer": args.layer, "encoder_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            yield name, seed, facts, lambda name=name, path=path: encoder_row(path, device, args.layer, name)
        for width in widths:
            name = "random-init" if len(widths) == 1 else f"random-init-{width:.3g}"
            facts = {"layer": args.layer, "width": round(width, 3)}
            for seed in range(args.random_inits):
                yield name, seed, facts, lambda seed=seed, width=width: random_row(seed, device, args.layer, width)

    args.output.mkdir(parents=True, exist_ok=True)
    todo = []
    for name, seed, facts, row in rows():
        expected = {"task": task.name, "task_sha256": task.sha256, "seed": seed, **facts}
        files = {n: args.output / f"{name.replace(' ', '-')}-seed-{seed}-{n}.json" for n in limits}
        missing = {n: path for n, path in files.items() if finished(path, expected) is None}
        if missing:
            todo.append((seed, row, missing))
    with Progress(len(todo), f"probing on {task.name}", "rows") as progress:
        for seed, row, missing in todo:
            results = evaluate(task, row(), device=device, train_limits=list(missing), seed=seed)
            for path, result in zip(missing.values(), results, strict=True):
                write_json(path, result)
            progress.update(1)
    print(f"{args.output}: {len(todo)} rows probed now, with {', '.join(map(str, limits))} training images each")


if __name__ == "__main__":
    run(main)
