"""Probe every encoder of a comparison on one task, decoding it once.

    python -m linear_eval.compare --data data/cifar10 --encoders runs/cifar10 --train-limit 5000 50000 --output results
    python -m linear_eval.compare --data data/imagenet100 --encoders encoders/small_scale --protocol paper --output out
    python -m linear_eval.compare --data data/imagenet100 --encoders torchvision:resnet50 a/checkpoint_0199.pth.tar \
        --protocol knn --output out

An encoder is a file, a model of torchvision with its weights (torchvision:NAME), or all in a folder: encoder.pth and
the last checkpoint_*.pth.tar wherever they lie in it, each called by its folder's name; in <name>/seed-<k>/ it is
repetition k of <name>. One result for each, for random initialisations of the same kind and for the baselines without a
network goes to <output>/<name>-seed-<k>-<protocol>-<images>.json. Seed k also chooses the training images and
everything random in the probe. What is there already is left alone, so the same command goes on where it stopped, or
adds what has been trained since. A file that holds another result (of an encoder trained anew, say) is refused.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from linear_eval.baselines import BASELINES
from linear_eval.evaluate import evaluate, finished, identity
from linear_eval.protocols import PROTOCOLS
from linear_eval.rows import TORCHVISION, Row, baseline_row, default_name, encoder_row, random_row
from linear_eval.task import Task, load_task
from utils.cli import UserError, parser, positive_int, run
from utils.devices import choose_device
from utils.files import write_json
from utils.progress import Progress


class Entry(NamedTuple):
    """A row that is made when it is needed, and what its files are called."""

    name: str
    seed: int
    make: Callable[[], Row]


def find_encoders(sources: Sequence[str]) -> list[tuple[str, int, str]]:
    """(name, seed, file or torchvision:NAME) of every encoder in `sources`, by seed and then name.

    Raises UserError for a source that is not there or has no encoder, and for two of one name and seed.
    """
    found: dict[tuple[int, str], str] = {}
    for source in sources:
        folder = Path(source)
        files = [source]
        if folder.is_dir():
            checkpoints = {path.parent: path for path in sorted(folder.rglob("checkpoint_*.pth.tar"))}  # last wins
            files = [str(path) for path in sorted([*folder.rglob("encoder.pth"), *checkpoints.values()])]
        elif not source.startswith(TORCHVISION) and not folder.is_file():
            raise UserError(f"{source} is not there; pass encoder files, folders of them, or {TORCHVISION}NAME")
        if not files:
            raise UserError(f"no encoders in {source}; they are looked for as <name>/encoder.pth, "
                            "<name>/seed-<k>/encoder.pth and <name>/checkpoint_*.pth.tar")
        for file in files:
            repetition = re.fullmatch(r"seed-(\d+)", Path(file).resolve().parent.name)
            name = Path(file).resolve().parents[1].name if repetition else default_name(Path(file))
            key = int(repetition[1]) if repetition else 0, file if file.startswith(TORCHVISION) else name
            if found.setdefault(key, file) != file:
                raise UserError(f"{found[key]} and {file} are both called {key[1]}, seed {key[0]}; rename a folder")
    return [(name, seed, file) for (seed, name), file in sorted(found.items())]


def entries(sources: Sequence[str], layer: str | None, random_inits: int, device: torch.device) -> list[Entry]:
    """The baselines, the encoders in `sources`, and random initialisations of their architectures and widths."""
    found = find_encoders(sources)
    listed = [Entry(name.replace(" ", "-"), 0, lambda name=name: baseline_row(name)) for name in BASELINES]
    kinds: dict[str, dict[str, Any]] = {}
    for name, seed, file in found:
        listed.append(Entry(name.replace(":", "-"), seed,
                            lambda name=name, file=file: encoder_row(file, device, layer, name)))
        if not file.startswith(TORCHVISION):
            facts = encoder_row(file, device, layer).facts
            kinds.setdefault(f"-{facts.get('width', facts['architecture'])}",
                             {key: facts[key] for key in ("architecture", "width") if key in facts})
    for suffix, kind in sorted(kinds.items()):
        listed += [Entry("random-init" + suffix * (len(kinds) > 1), seed,
                         lambda seed=seed, kind=kind: random_row(seed, device, layer, **kind))
                   for seed in range(random_inits)]
    return listed


def probe(task: Task, listed: Sequence[Entry], output: Path, limits: Sequence[int | None], protocol: str,
          device: torch.device, cache: Path | None = None) -> int:
    """Write every result that `output` lacks; returns the number of rows that were probed.

    Raises UserError before any work if a file there holds another result, or if a row cannot be probed so.
    """
    todo = []
    for entry in listed:
        row, missing = entry.make(), {}
        for limit in limits:
            expected = identity(task, row, protocol, limit, entry.seed)
            path = output / f"{entry.name}-seed-{entry.seed}-{protocol}-{expected['counts']['train']}.json"
            if finished(path, expected) is None:
                missing[limit] = path
        if missing:
            todo.append((entry, missing))
    output.mkdir(parents=True, exist_ok=True)
    with Progress(len(todo), f"{protocol} on {task.name}", "rows") as progress:
        for entry, missing in todo:
            results = evaluate(task, entry.make(), device=device, protocol=protocol, train_limits=list(missing),
                               seed=entry.seed, cache=cache)
            for path, result in zip(missing.values(), results, strict=True):
                write_json(path, result)
            progress.update(1)
    return len(todo)


def add_options(options: Any) -> None:
    """What every command that probes many encoders understands."""
    options.add_argument("--random-inits", type=int, default=10, help="random initialisations, seeds 0, 1, ...")
    options.add_argument("--layer", help="where features are taken (default: fc6, or avgpool of a ResNet-50)")
    options.add_argument("--features", type=Path, help="folder that keeps features for other protocols and limits")
    options.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")


def main() -> None:
    p = parser("python -m linear_eval.compare", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoders", nargs="+", required=True, metavar="ENCODER", help="files, folders, torchvision:NAME")
    p.add_argument("--output", type=Path, required=True, help="folder for the result files")
    p.add_argument("--task", help="the task's name in tables (default: that of its record, or of the --data folder)")
    p.add_argument("--protocol", choices=list(PROTOCOLS), default="cached", help="how the probe is fitted")
    p.add_argument("--train-limit", type=positive_int, nargs="+", help="numbers of training images (default: all)")
    add_options(p)
    args = p.parse_args()
    device = choose_device(args.gpus)
    listed = entries(args.encoders, args.layer, args.random_inits, device)
    task = load_task(args.data, args.task)
    count = probe(task, listed, args.output, args.train_limit or [None], args.protocol, device, args.features)
    print(f"{args.output}: {len(listed)} rows of {task.name} by {args.protocol}, {count} of them probed now")


if __name__ == "__main__":
    run(main)
