"""Where protocols `paper` and `cached` part: `paper` on features as they come, and divided by their standard deviation.

    python -m benchmarks.protocol_gap --data data/cifar10 --train-limit 5000
    python -m benchmarks.protocol_gap --data data/cifar10 --train-limit 5000 --encoder encoder.pth

`cached` standardises features; `paper` does not, and takes 100 epochs of Adam at learning rate 1e-3. The third row is
`paper` with nothing changed but that: mean 0 and standard deviation 1 over the training images, as in `cached`. About
15 minutes a row of `paper` on a core, at quarter width.
"""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from linear_eval.evaluate import evaluate
from linear_eval.extract import extract
from linear_eval.probe_cached import standardisation
from linear_eval.rows import Row, encoder_row, random_row
from linear_eval.task import Task, load_task
from utils.cli import parser, positive_int, run
from utils.devices import choose_device


def standardised(row: Row, task: Task, device: torch.device) -> Row:
    """`row` with features of mean 0 and standard deviation 1 over the training images of `task`."""
    mean, inverse = standardisation(extract(row, task.train, device))

    def features(images: Tensor) -> Tensor:
        return (row.features(images) - mean) * inverse

    return dataclasses.replace(row, features=features, facts={**row.facts, "standardised": True})


def main() -> None:
    p = parser("python -m benchmarks.protocol_gap", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoder", type=Path, help="encoder file (default: one that was never trained)")
    p.add_argument("--width", type=float, default=0.25, help="of the encoder that was never trained")
    p.add_argument("--train-limit", type=positive_int, default=5000, help="training images")
    p.add_argument("--rows", nargs="+", default=["cached", "paper", "standardised"], help="what is measured")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    device, task = choose_device(args.gpus), load_task(args.data)
    row = encoder_row(args.encoder, device) if args.encoder else random_row(0, device, width=args.width)
    spread = extract(row, task.train, device).std(0).median().item()
    print(f"{row.name} on {task.name}: median standard deviation of a feature {spread:.3g}", flush=True)
    for name in args.rows:
        probed = standardised(row, task, device) if name == "standardised" else row
        result = evaluate(task, probed, device=device, protocol="cached" if name == "cached" else "paper",
                          train_limits=[args.train_limit])[0]
        said = "paper, on standardised features" if name == "standardised" else name
        print(f"{said}: {result['accuracy']:.2f} % ± {result['standard_error']:.2f}", flush=True)


if __name__ == "__main__":
    run(main)
