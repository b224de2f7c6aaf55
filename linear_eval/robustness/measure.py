"""Fit probes on clean images, and measure them on corrupted ones.

    python -m linear_eval.robustness.measure --data data/cifar10 --encoders encoders/small_scale --output results/c
    python -m linear_eval.robustness.measure --data data/cifar10 --encoders a/encoder.pth --published CIFAR-10-C \
        --output results/cifar10-c
    python -m linear_eval.robustness results/c --output results/c        # the table and the figure

The 15 corruptions of ImageNet-C at 5 severities, made here, with the strengths of CIFAR-10-C for images up to 64 pixels
and of ImageNet-C, at 224, for larger ones; or the published arrays of CIFAR-10-C. Without --frost, frost is drawn, not
photographed, so that one corruption is not comparable with published numbers. Files are named and left alone as by
`linear_eval.compare`.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.corruptions.corrupt import frost_files, frost_pictures
from datasets.corruptions.published import CLASSES, available, published
from datasets.corruptions.severities import CORE, NAMES
from linear_eval.compare import add_options, entries
from linear_eval.evaluate import accuracy, evaluate, finished, identity
from linear_eval.features.extract import extract
from linear_eval.features.rows import Row
from linear_eval.probes.protocols import PROTOCOLS, Classify
from linear_eval.robustness.corrupted import Clean, Made, view_before
from linear_eval.task import Task, balanced_order, load_task, number_or_share
from utils.cli import UserError, parser, positive_int, run, whole_number
from utils.devices import choose_device
from utils.files import sha256, write_json
from utils.progress import Progress

Also = Callable[[Row], Callable[[Classify], dict[str, Any]]]  # of a row: what `evaluate` measures beside


def made_here(task: Task, names: list[str], seed: int, limit: int | None, frost: Path | None, device: torch.device
              ) -> tuple[dict[str, Any], Also]:
    """Facts about the corrupted images, and how a row is measured on `limit` of `task`'s (None: all), by class."""
    chosen = np.sort(balanced_order(task.val.labels, 0)[:limit])
    clean = Clean([task.val.paths[i] for i in chosen], view_before(task.val.paths[0]))
    labels = task.val.labels[chosen]
    pictures = frost_pictures(frost, clean.before.size) if frost else []
    clean.corrupted(names[0], 1, seed, chosen, pictures, device)(np.array([0]))  # shows what cannot be corrupted now
    facts = {"source": "made here", "benchmark": clean.benchmark, "before": str(clean.before), "seed": seed,
             "images": len(chosen), "corruptions": names,
             "frost": [sha256(path) for path in frost_files(frost)] if frost else "drawn"}

    def also(row: Row) -> Callable[[Classify], dict[str, Any]]:
        def measure(classify: Classify) -> dict[str, Any]:
            def on(make: Callable[[np.ndarray], np.ndarray]) -> float:
                return accuracy(classify(extract(row, Made(len(chosen), make), device)), labels)["accuracy"]

            reached: dict[str, Any] = {"clean": on(clean)}
            with Progress(5 * len(names), row.name, "conditions") as progress:
                for name in names:
                    reached[name] = []
                    for severity in range(1, 6):
                        reached[name].append(on(clean.corrupted(name, severity, seed, chosen, pictures, device)))
                        progress.update(1)
            return {"corrupted": reached}

        return measure

    return facts, also


def from_arrays(task: Task, folder: Path, device: torch.device) -> tuple[dict[str, Any], Also]:
    """The same for the published arrays of CIFAR-10-C in `folder`, all there are. Raises UserError unless `task` has
    the classes of CIFAR-10, by name."""
    names = available(folder)
    count = len(published(folder, names[0], 1)[0])
    if tuple(task.classes) != CLASSES:
        raise UserError(f"{folder} holds images of CIFAR-10, and {task.name} has other classes than "
                        f"{', '.join(CLASSES)}; pass the folder of python -m datasets.small_photos cifar10 as --data")
    facts = {"source": "published", "benchmark": "cifar-10-c", "images": count, "corruptions": names,
             "sha256": [sha256(folder / f"{name}.npy") for name in names]}

    def also(row: Row) -> Callable[[Classify], dict[str, Any]]:
        def measure(classify: Classify) -> dict[str, Any]:
            def on(name: str, severity: int) -> float:
                images, labels = published(folder, name, severity)
                predicted = classify(extract(row, Made(len(images), lambda rows: images[rows]), device))
                return accuracy(predicted, labels)["accuracy"]

            return {"corrupted": {name: [on(name, severity) for severity in range(1, 6)] for name in names}}

        return measure

    return facts, also


def main() -> int:
    p = parser("python -m linear_eval.robustness.measure", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoders", nargs="+", required=True, metavar="ENCODER",
                   help="encoders: files, folders, torchvision:NAME")
    p.add_argument("--output", type=Path, required=True, help="folder for the result files")
    p.add_argument("--task", help="the task's name in tables (default: that of its record, or of the --data folder)")
    p.add_argument("--protocol", choices=list(PROTOCOLS), default="cached", help="how the probe is fitted")
    p.add_argument("--train-limit", type=number_or_share, help="training images (default: all)")
    p.add_argument("--corruptions", nargs="+", choices=NAMES, default=list(CORE), metavar="NAME",
                   help=f"which of {', '.join(NAMES)} (default: the first 15)")
    p.add_argument("--val-limit", type=positive_int, help="images to corrupt (default: all)")
    p.add_argument("--corruption-seed", type=whole_number, default=0, help="seed of what is random in a corruption")
    p.add_argument("--frost", type=Path, help="folder of photographs of frost (default: it is drawn)")
    p.add_argument("--published", type=Path, metavar="FOLDER", help="the published arrays of CIFAR-10-C, in place of "
                   "corruptions made here")
    add_options(p)
    args = p.parse_args()
    device = choose_device(args.gpus)
    task = load_task(args.data, args.task)
    if not task.val.paths:
        raise UserError(f"{args.data} holds no images, which corruptions are for")
    for option in ("corruptions", "val_limit", "corruption_seed", "frost"):
        if args.published and getattr(args, option) != p.get_default(option):
            raise UserError(f"--{option.replace('_', '-')} is for corruptions made here, and --published FOLDER is "
                            "measured as it is; leave one out")
    listed, failed = entries(args.encoders, args.layer, args.random_inits, device, args.precision)
    limit = task.limit(args.train_limit)
    if args.published:
        facts, also = from_arrays(task, args.published, device)
    else:
        facts, also = made_here(task, args.corruptions, args.corruption_seed, args.val_limit, args.frost, device)
    identities = [identity(task, each.row, args.protocol, limit, each.seed) for each in listed]  # refuses before work
    done = 0
    args.output.mkdir(parents=True, exist_ok=True)
    for each, known in zip(listed, identities, strict=True):
        expected = {**known, "corruptions": facts}
        train = expected["counts"]["train"]
        path = args.output / f"{each.name}-seed-{each.seed}-{args.protocol}-{train}-corrupted.json"
        try:
            if finished(path, expected) is not None:
                continue
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        row = each.make()
        result, = evaluate(task, row, device=device, protocol=args.protocol, train_limits=[limit], seed=each.seed,
                           cache=args.features, also=also(row))
        write_json(path, {**result, "corruptions": facts})
        done += 1
    print(f"{args.output}: {len(listed)} rows of {task.name} on corrupted images, {done} measured now")
    return int(failed > 0)


if __name__ == "__main__":
    run(main)
