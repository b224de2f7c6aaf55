"""Probe one frozen encoder on real labelled images and write one result file.

    python -m linear_eval --data data/cifar10 --encoder encoders/small_scale/stat-wmm/encoder.pth --output result.json
    python -m linear_eval --data data/cifar10 --encoder moco/checkpoint_0199.pth.tar --protocol knn --output moco.json
    python -m linear_eval --data data/cifar10 --encoder torchvision:resnet50 --output supervised.json
    python -m linear_eval --data data/cifar10 --random-init --seed 3 --output random-3.json
    python -m linear_eval --data data/cifar10 --baseline "raw pixels" --output raw.json
    python -m linear_eval --data data/imagenet100 --encoder encoder.pth --protocol paper --output result.json
    python -m linear_eval --data data/fsdd --labels speaker --encoder encoder.pth --output speaker.json

--data holds train/<class>/ and val/<class>/, or stored examples (python -m datasets.sound, datasets.sensors). Protocol
`cached` fits a logistic regression to features computed once; `paper` is the authors' (Adam on random crops, 100
epochs); `knn` is a vote of the 20 nearest training images. Accuracy is over the whole of val, in percent. The same
command again prints the result that is there. Many encoders at once: `python -m linear_eval.compare --help`; VTAB:
`python -m linear_eval.vtab --help`; corrupted images: `python -m linear_eval.robustness.measure --help`; tables:
`linear_eval.report`.
"""

import os
from pathlib import Path
from typing import Any

from linear_eval.evaluate import evaluate, finished, identity
from linear_eval.features.baselines import ALL
from linear_eval.features.rows import KIND, baseline_row, encoder_row, random_row
from linear_eval.probes.protocols import PROTOCOLS
from linear_eval.task import add_task_options, load_task, number_or_share
from utils.cli import UserError, parser, run, whole_number
from utils.devices import add_precision, choose_device
from utils.files import write_json


def options() -> Any:
    options = parser("python -m linear_eval", __doc__)
    options.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    options.add_argument("--output", type=Path, required=True, help="the result file (JSON)")
    what = options.add_argument_group("what is probed (one of)").add_mutually_exclusive_group(required=True)
    what.add_argument("--encoder", help="encoder.pth, a ResNet-50's or MoCo's checkpoint, or torchvision:NAME")
    what.add_argument("--random-init", action="store_true", help="an encoder that was never trained, drawn from --seed")
    what.add_argument("--baseline", choices=list(ALL), help="features without an encoder")
    options.add_argument("--name", help="the encoder's name in tables (default: that of its folder or file)")
    add_task_options(options)
    options.add_argument("--architecture", choices=["SmallAlexNet", "ResNet18", "ResNet50"], default="SmallAlexNet",
                         help="architecture of the encoder of --random-init")
    options.add_argument("--width", type=float, default=1.0, help="width of the network of --random-init")
    options.add_argument("--stem", type=int, choices=[3, 7], default=3,
                         help="first layer of the ResNet18 of --random-init")
    options.add_argument("--layer", help="where features are taken (default: fc6, or avgpool of a ResNet); NAME:flat "
                         "keeps every place of a convolution, as layer4:flat")
    add_precision(options)
    options.add_argument("--protocol", choices=list(PROTOCOLS), default="cached", help="how the probe is fitted")
    options.add_argument("--train-limit", type=number_or_share, help="training images to use, drawn by --seed: a "
                         "number, or a share such as 10%%")
    options.add_argument("--features", type=Path, default=Path("runs/features"),
                         help="folder that keeps features for other protocols, and long fits that were stopped")
    options.add_argument("--seed", type=whole_number, default=0, help="seed of all random choices of the probe")
    options.add_argument("--baselines", action="store_true", help="also probe random initialisation of the encoder's "
                         "kind, raw pixels, mean colours and a colour histogram, into the same file")
    options.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    return options


def ready_output(path: Path) -> None:
    """Raises UserError now if the result could not be written after the work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path.parent} cannot be written to; choose another --output")


def show(result: dict[str, Any]) -> None:
    for row in [result, *result.get("baselines", [])]:
        error = f" ± {row['standard_error']:.2f}" if "standard_error" in row else ""
        print(f"{row['encoder']:24s} {row['accuracy']:6.2f} %{error} on {row['task']} ({row['protocol']}, "
              f"{row['counts']['train']} training images, {result['counts']['val']} measured)")


def main() -> None:
    args = options().parse_args()
    device = choose_device(args.gpus)
    task = load_task(args.data, args.task, args.labels, args.only)
    limit = task.limit(args.train_limit)
    if args.encoder:
        row = encoder_row(args.encoder, device, args.layer, args.name, args.precision)
    elif args.random_init:
        row = random_row(args.seed, device, args.layer, args.width, args.architecture, args.precision,
                         task.train.channels, args.stem)
    else:
        row = baseline_row(args.baseline)
    rows = [row]
    if args.baselines:
        kind = {key: row.facts[key] for key in KIND if key in row.facts}
        others = [random_row(args.seed, device, args.layer, precision=args.precision, **kind),
                  *(baseline_row(name) for name in task.train.baselines)]
        rows += [other for other in others if other.name != row.name]

    if args.output.is_dir():
        raise UserError(f"{args.output} is a folder; --output is the result file, such as {args.output}/result.json")
    expected = [identity(task, row, args.protocol, limit, args.seed) for row in rows]
    result = finished(args.output, expected[0])
    if result is not None and len(result.get("baselines", [])) < len(expected) - 1:
        raise UserError(f"{args.output} holds this result without --baselines; choose another --output, or delete it")
    if result is None:
        ready_output(args.output)
        result, *beside = (evaluate(task, row, device=device, protocol=args.protocol, train_limits=[limit],
                                    seed=args.seed, cache=args.features)[0] for row in rows)
        if beside:
            result["baselines"] = beside
        write_json(args.output, result)
    show(result)


if __name__ == "__main__":
    run(main)
