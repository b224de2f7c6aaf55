"""Probe encoders on VTAB's 19 tasks, those that are ready.

    python -m linear_eval.vtab encoders/small_scale --root data/vtab --output results/vtab
    python -m linear_eval.vtab encoders/small_scale/stylegan-oriented/encoder.pth --tasks dtd svhn --protocol knn
    python -m linear_eval.vtab encoders/small_scale --root vtab-1k --output results/vtab-1k

Encoders are given as to `linear_eval.compare`; results go to <output>/vtab-<task>/. A probe is fitted on at most
--train-limit training images, drawn uniformly by seed: 20,000 in the paper, 10,000 in its released code, and 1,000 in
VTAB-1k, whose own images are taken where --root is the folder of its lists (train800val200.txt). Accuracy is over the
whole test set. Tasks that are not prepared are passed over and named: python -m datasets.vtab status
"""

from pathlib import Path

from datasets.vtab.tasks import TASKS
from linear_eval.compare import add_options, entries, probe
from linear_eval.probes.protocols import PROTOCOLS
from linear_eval.task import is_ready, load_task
from utils.cli import UserError, parser, positive_int, run
from utils.devices import choose_device


def main() -> int:
    p = parser("python -m linear_eval.vtab", __doc__)
    p.add_argument("encoders", nargs="+", metavar="ENCODER", help="encoders: files, folders, torchvision:NAME")
    p.add_argument("--root", type=Path, default=Path("data/vtab"), help="folder of the prepared tasks")
    p.add_argument("--output", type=Path, default=Path("results/vtab"), help="folder for the result files")
    p.add_argument("--tasks", nargs="+", choices=list(TASKS), metavar="TASK", help="(default: all that are ready)")
    p.add_argument("--protocol", choices=list(PROTOCOLS), nargs="+", default=["cached"], help="how probes are fitted")
    p.add_argument("--train-limit", type=positive_int, default=20_000, help="training images at most")
    add_options(p)
    p.set_defaults(random_inits=1, features=Path("runs/features"))
    args = p.parse_args()
    device = choose_device(args.gpus)
    folders = {name: next((args.root / folder for folder in (name, TASKS[name].vtab_1k)
                           if is_ready(args.root / folder)), None) for name in args.tasks or TASKS}
    if not any(folders.values()):
        raise UserError(f"none of the tasks is ready in {args.root}; see python -m datasets.vtab status --root "
                        f"{args.root}")
    listed, failed = entries(args.encoders, args.layer, args.random_inits, device, args.precision)
    for protocol in args.protocol:
        for each in listed:
            PROTOCOLS[protocol].check(each.row)
    for name, folder in folders.items():
        if folder is None:
            print(f"{name}: not ready in {args.root}; see python -m datasets.vtab status --root {args.root}")
            continue
        task = load_task(folder)
        for protocol in args.protocol:
            limit = min(args.train_limit, len(task.train.paths))
            count, refused = probe(task, listed, args.output / task.name, [limit], protocol, device, args.features)
            failed += refused
            print(f"{args.output / task.name}: {len(listed)} rows by {protocol}, {count} probed now", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    run(main)
