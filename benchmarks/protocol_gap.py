"""Why protocols `paper` and `cached` differ: `paper` with one thing changed at a time.

    python -m benchmarks.protocol_gap --data data/cifar10 --train-limit 5000
    python -m benchmarks.protocol_gap --data data/cifar10 --train-limit 5000 --encoder encoder.pth --crops

`paper` trains on random crops of 8 to 100 % of the image, and on features as they come; `cached` on the middle of the
image, as it is measured, and on features of mean 0 and standard deviation 1. The table has all four ways under the
optimiser of `paper`, and `cached`. Rows with random crops (--crops) take 15 minutes each on a core, at quarter width.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from linear_eval.evaluate import evaluate
from linear_eval.features.extract import extract
from linear_eval.features.rows import Row, encoder_row, random_row
from linear_eval.probes.cached import Standardise
from linear_eval.probes.paper import BATCH_SIZE, fit_linear
from linear_eval.task import Task, load_task
from utils.cli import parser, positive_int, run
from utils.devices import choose_device
from utils.seeding import permutation, stable_key


def on_the_middle(row: Row, task: Task, rows: np.ndarray, device: torch.device) -> float:
    """Accuracy, in percent, of `paper` without its crops: Adam on the features of the evaluated view."""
    x, queries = extract(row, task.train, device, rows), extract(row, task.val, device)
    labels = torch.from_numpy(task.train.labels[rows])

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for part in torch.from_numpy(permutation(stable_key("probe order", 0), epoch, len(rows))).split(BATCH_SIZE):
            yield x[part], labels[part]

    linear = fit_linear(batches, x.shape[1], len(task.classes), 0, device)
    return 100 * float((linear(queries).argmax(1).cpu().numpy() == task.val.labels).mean())


def standardised(row: Row, task: Task, rows: np.ndarray, device: torch.device) -> Row:
    """`row` with features standardised over the training images numbered `rows`, as `cached` has them."""
    standardise = Standardise.of(extract(row, task.train, device, rows))
    return dataclasses.replace(row, features=lambda images: standardise(row.features(images)))


def main() -> None:
    p = parser("python -m benchmarks.protocol_gap", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoder", type=Path, help="encoder file (default: one that was never trained)")
    p.add_argument("--width", type=float, default=0.25, help="width of the encoder that was never trained")
    p.add_argument("--train-limit", type=positive_int, default=5000, help="training images")
    p.add_argument("--crops", action="store_true", help="also the two rows that train on random crops")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    device, task = choose_device(args.gpus), load_task(args.data)
    row = encoder_row(args.encoder, device) if args.encoder else random_row(0, device, width=args.width)
    rows = np.sort(task.order(0)[: args.train_limit])
    spread = extract(row, task.train, device, rows).std(0).median().item()
    print(f"{row.name} on {task.name}, {args.train_limit} training images; median standard deviation of a feature: "
          f"{spread:.2g}\n\n| trained on | features | accuracy (%) |\n|---|---|---:|", flush=True)

    def probed(protocol: str, row: Row) -> float:
        return evaluate(task, row, device=device, protocol=protocol, train_limits=[args.train_limit])[0]["accuracy"]

    for kind, variant in (("as they come", row), ("standardised", standardised(row, task, rows, device))):
        if args.crops:
            print(f"| random crops | {kind} | {probed('paper', variant):.2f} |", flush=True)
        print(f"| the middle | {kind} | {on_the_middle(variant, task, rows, device):.2f} |", flush=True)
    print(f"| `cached` | standardised | {probed('cached', row):.2f} |")


if __name__ == "__main__":
    run(main)
