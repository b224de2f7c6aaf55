"""Probe every encoder of a comparison on one task, decoding it once.

    python -m linear_eval.compare --data data/cifar10 --encoders runs/cifar10 --train-limit 5000 50000 --output results
    python -m linear_eval.compare --data data/imagenet100 --encoders encoders/small_scale --protocol paper --output out
    python -m linear_eval.compare --data data/imagenet100 --encoders torchvision:resnet50 a/checkpoint_0199.pth.tar \
        --protocol knn --output out

An encoder is a file, a model of torchvision with its weights (torchvision:NAME), or all in a folder: encoder.pth and
the last checkpoint_*.pth.tar wherever they lie in it. Folders say what they are:

    runs/stat-wmm/encoder.pth             is called stat-wmm, seed 0
    runs/stat-wmm/seed-1/encoder.pth      is repetition 1 of stat-wmm: tables give mean and deviation over seeds

So train repetitions with `--seed 1 --output runs/stat-wmm/seed-1`. One result for each, for random initialisations of
the same kind and for the baselines without a network goes to <output>/<name>-seed-<k>-<protocol>-<images>.json. Seed k
also chooses the training images and everything random in the probe. What is there already is left alone, so the same
command goes on where it stopped, or adds what has been trained since. A file that holds another result (of an encoder
trained anew, say) is left as it is and named, as is an encoder that cannot be read; the others are probed, and the exit
code is 1.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from linear_eval.evaluate import evaluate, finished, identity
from linear_eval.features.baselines import BASELINES
from linear_eval.features.find import TORCHVISION, find_encoders
from linear_eval.features.rows import KIND, Row, baseline_row, encoder_row, random_row
from linear_eval.probes.protocols import PROTOCOLS
from linear_eval.results import width_text
from linear_eval.task import Task, add_task_options, load_task, number_or_share
from utils.cli import UserError, parser, run, whole_number
from utils.devices import add_precision, choose_device
from utils.files import write_json
from utils.progress import Progress


class Entry(NamedTuple):
    """A row that is made only when it is needed, and what is known before."""

    name: str  # of its files
    seed: int
    row: Row  # without features
    make: Callable[[], Row]


def entry(name: str, seed: int, make: Callable[[], Row]) -> Entry:
    """An Entry. Its row is made once, to learn its facts, and freed."""
    return Entry(name.replace(" ", "-").replace(":", "-"), seed, dataclasses.replace(make(), features=None), make)


def entries(sources: Sequence[str], layer: str | None, random_inits: int, device: torch.device,
            precision: str = "auto", baselines: Sequence[str] = tuple(BASELINES)) -> tuple[list[Entry], int]:
    """The baselines, the encoders in `sources`, and random initialisations of their architectures and widths.

    Returns these and the number of encoders that cannot be probed; each is named on stderr and keeps no other from it.
    Raises UserError for two whose results would go to one file.
    """
    listed = [entry(name, 0, lambda name=name: baseline_row(name)) for name in baselines]
    kinds: dict[str, dict[str, Any]] = {}
    failed = 0
    for name, seed, file in find_encoders(sources):
        try:
            found = entry(name, seed, lambda name=name, file=file: encoder_row(file, device, layer, name, precision))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        listed.append(found)
        if not file.startswith(TORCHVISION):
            kind = {key: found.row.facts[key] for key in KIND if key in found.row.facts}
            said = [] if kind["architecture"] == "SmallAlexNet" else [kind["architecture"]]
            if "width" in kind:
                said.append(width_text(kind["width"], kind["architecture"]))
            if kind.get("stem") == 7:
                said.append("stem-7")
            kinds["-".join(said)] = kind
    for suffix, kind in sorted(kinds.items()):
        listed += [entry(f"random-init-{suffix}", seed,
                         lambda seed=seed, kind=kind: random_row(seed, device, layer, precision=precision, **kind))
                   for seed in range(random_inits)]
    files: dict[tuple[str, int], Entry] = {}
    for each in listed:
        other = files.setdefault((each.name, each.seed), each)
        if other is not each:
            raise UserError(f"results of {other.row.name!r} and of {each.row.name!r} (seed {each.seed}) would both go "
                            f"to {each.name}-seed-{each.seed}-...; rename the folder or file of an encoder")
    return listed, failed


def probe(task: Task, listed: Sequence[Entry], output: Path, limits: Sequence[int | None], protocol: str,
          device: torch.device, cache: Path | None = None) -> tuple[int, int]:
    """Write every result that `output` lacks; returns how many rows were probed, and how many could not be.

    The latter are those of which `output` holds another result; each is named on stderr. Raises UserError before any
    work for a limit that the task does not have, or a protocol that is not for one of the rows.
    """
    todo, failed = [], 0
    for each in listed:
        missing = {}
        for limit in limits:
            expected = identity(task, each.row, protocol, limit, each.seed)
            path = output / f"{each.name}-seed-{each.seed}-{protocol}-{expected['counts']['train']}.json"
            try:
                if finished(path, expected) is None:
                    missing[limit] = path
            except UserError as error:
                print(f"error: {error}", file=sys.stderr)
                failed += 1
        if missing:
            todo.append((each, missing))
    output.mkdir(parents=True, exist_ok=True)
    with Progress(len(todo), f"{protocol} on {task.name}", "rows") as progress:
        for each, missing in todo:
            results = evaluate(task, each.make(), device=device, protocol=protocol, train_limits=list(missing),
                               seed=each.seed, cache=cache)
            for path, result in zip(missing.values(), results, strict=True):
                write_json(path, result)
            progress.update(1)
    return len(todo), failed


def add_options(options: Any) -> None:
    """Options of every command that probes many encoders."""
    options.add_argument("--random-inits", type=whole_number, default=10, help="random initialisations of each kind")
    options.add_argument("--layer", help="where features are taken (default: fc6, or avgpool of a ResNet-50)")
    add_precision(options)
    options.add_argument("--features", type=Path, help="folder that keeps features for other protocols")
    options.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")


def main() -> int:
    p = parser("python -m linear_eval.compare", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoders", nargs="+", required=True, metavar="ENCODER",
                   help="encoders: files, folders, torchvision:NAME")
    p.add_argument("--output", type=Path, required=True, help="folder for the result files")
    add_task_options(p)
    p.add_argument("--protocol", choices=list(PROTOCOLS), default="cached", help="how the probe is fitted")
    p.add_argument("--train-limit", type=number_or_share, nargs="+",
                   help="numbers of training images, or shares such as 10%% (default: all)")
    add_options(p)
    args = p.parse_args()
    device = choose_device(args.gpus)
    task = load_task(args.data, args.task, args.labels, args.only)
    listed, unread = entries(args.encoders, args.layer, args.random_inits, device, args.precision, task.train.baselines)
    limits = [task.limit(limit) for limit in args.train_limit or [None]]
    count, failed = probe(task, listed, args.output, limits, args.protocol, device, args.features)
    print(f"{args.output}: {len(listed)} rows of {task.name} by {args.protocol}, {count} of them probed now")
    return int(unread + failed > 0)


if __name__ == "__main__":
    run(main)
