"""Prepare VTAB's 19 tasks as folders of images, without TensorFlow, and see which are ready.

    python -m datasets.vtab prepare dtd svhn                                # downloads to data/vtab
    python -m datasets.vtab prepare resisc45 --source ~/wds_vtab-resisc45   # from shards that are here already
    python -m datasets.vtab prepare clevr_count --route originals --source ~/CLEVR_v1.0
    python -m datasets.vtab status --root data/vtab                         # what is there, and the next command

Writes <root>/<task>/train/<class, 4 digits>/ and val/<class>/, image files as they are in the source (PNG where that
holds arrays), and dataset.json. val is VTAB's test set. train is VTAB's train split from the shards, which lack the
validation images, and trainval by the other routes. Counts and classes are checked (`datasets.vtab.tasks`). Until then
all lies in <root>/<task>.incomplete, and the same command goes on there.
"""

import argparse
import sys
from pathlib import Path

from datasets.vtab.prepared import counted, prepare, status_line
from datasets.vtab.tasks import ROUTES, TASKS
from utils.cli import UserError, parser, run


def print_status(root: Path) -> None:
    """One line a task, and how many are ready."""
    states = {task: status_line(task, root) for task in TASKS.values()}
    for task, (state, said) in states.items():
        print(f"{task.name:22}{task.group:13}{state:12}{said}")
    print(f"{root}: {sum(state == 'ready' for state, _ in states.values())} of {len(TASKS)} tasks ready")


def prepare_all(args: argparse.Namespace) -> int:
    """Prepare each task that was asked for, also after one that fails."""
    failed = 0
    for name in args.tasks:
        try:
            record = prepare(TASKS[name], args.root, args.route, args.source, args.partial)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = 1
            continue
        note = f" ({record['note']})" if record["note"] else ""
        print(f"{args.root / name}: {counted(record)} images of {record['classes']} "
              f"classes, by {record['route']}{'' if record['complete'] else ', partial'}{note}", flush=True)
    return failed


def main() -> int:
    p = parser("python -m datasets.vtab", __doc__)
    commands = p.add_subparsers(dest="command", required=True, metavar="prepare|status")
    each = {"formatter_class": p.formatter_class, "allow_abbrev": False}
    preparing = commands.add_parser("prepare", help="make the folders of tasks", **each)
    preparing.add_argument("tasks", nargs="+", choices=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    preparing.add_argument("--route", choices=ROUTES, help="where the images come from (default: by task)")
    preparing.add_argument("--source", type=Path, help="folder of the route's files (default: download them)")
    preparing.add_argument("--partial", action="store_true", help="accept other numbers of images than VTAB's")
    showing = commands.add_parser("status", help="which tasks are ready, and what to do for the others", **each)
    for command in (preparing, showing):
        command.add_argument("--root", type=Path, default=Path("data/vtab"), help="folder of the prepared tasks")
    args = p.parse_args()
    if args.command == "prepare":
        return prepare_all(args)
    print_status(args.root)
    return 0


if __name__ == "__main__":
    run(main)
