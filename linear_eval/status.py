"""What has been evaluated on what, and the command for what is missing.

    python -m linear_eval.status
    python -m linear_eval.status --results results --encoders encoders/small_scale --vtab data/vtab

A row is an encoder that `linear_eval.compare` finds in the folder of encoders, all its seeds together, or whatever else
is named in results. A column is ImageNet-100 or a group of VTAB. A cell names the protocol, the limit of training
images ("20k") if there was one, and for VTAB the number of tasks: "paper 20k 5/7", or "paper 20k 5/7, 1 partial" if a
sixth was probed while some of its images were missing. Precisions have lines of their own, which name them.

What is missing is decided by name and seed, whatever the architecture. So keep results of encoders that share names in
folders of their own, and pass one at a time as --results.
"""

import shlex
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from datasets.vtab.prepared import status_line
from datasets.vtab.tasks import GROUPS, TASKS
from linear_eval.features.find import find_encoders
from linear_eval.results import Result, Setting, family, find_results, row_of, settings, task_of, width_text
from linear_eval.tables.published import in_order
from utils.cli import UserError, parser, run

ENCODERS, VTAB = Path("encoders/small_scale"), Path("data/vtab")  # where the scripts look
COLUMNS = ("encoder", "imagenet100", *GROUPS)
TERMINAL = 120  # columns
Found = Sequence[tuple[str, int, str]]  # name, seed and file of encoders


def _short(setting: Setting) -> str:
    limit = f"{setting.limit:,}".replace(",000", "k")
    return setting.protocol + f" {limit}" * (setting.selection != "all") + " list" * (setting.selection == "given list")


def cells(results: Sequence[Result]) -> list[list[str]]:
    """The cells of one row under ImageNet-100 and the groups of VTAB, a line for each setting."""
    columns = [["imagenet100"]]
    columns += [[task.full_name for task in TASKS.values() if task.group == group] for group in GROUPS]
    row = []
    for names in columns:
        found = [result for result in results if result["task"] in names]
        lines = []
        kinds = settings(found)
        several = len({setting.precision for setting in kinds}) > 1
        for setting in kinds:
            taken = [result for result in found if setting.takes(result)]
            whole = {task_of(result) for result in taken}.intersection(names)
            partial = len({result["task"] for result in taken} - whole)
            if len(names) == 1:
                count = " partial" * partial
            else:
                count = f" {len(whole)}/{len(names)}" + f", {partial} partial" * bool(partial)
            lines.append(_short(setting) + count + f" {setting.precision}" * several)
        row.append(lines)
    return row


def table(results: Sequence[Result], encoders: Sequence[str]) -> list[str]:
    """Lines of the view, in the order of the paper's charts; long names are cut so that it fits a terminal."""
    by_row: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        row = row_of(result)
        said = [row.layer] * (row.layer not in ("", "fc6"))
        said += [f"width {width_text(row.width, row.layer)}"] * (row.width not in (0, 1))
        by_row.setdefault((row.name, f" ({', '.join(said)})" if said else ""), []).append(result)
    named = {name for name, _ in by_row}
    by_row |= {(name, ""): [] for name in encoders if name not in named}
    block = [tuple([column] for column in COLUMNS)]
    for _, name in in_order({name for name, _ in by_row}):
        for key in sorted(key for key in by_row if key[0] == name):
            block.append(([name + key[1]], *(lines or ["-"] for lines in cells(by_row[key]))))
    widths = [max(len(line) for row in block for line in row[i]) for i in range(len(COLUMNS))]
    widths[0] = min(widths[0], TERMINAL - sum(widths[1:]) - 2 * len(widths[1:]))
    return ["  ".join(_fit(text, width) for text, width in zip(line, widths, strict=True)).rstrip()
            for row in block for line in zip_longest(*row, fillvalue="")]


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[:width - 1] + "…"


def next_steps(results: Sequence[Result], encoders: Found, root: Path, vtab: Path, imagenet100: Path) -> list[str]:
    """Lines that say what is missing for `encoders`, those in the folder `root`, with the commands that make it."""
    done = {(result["encoder"], result["seed"], task_of(result)) for result in results}
    ready = [name for name in TASKS if (vtab / name).exists() and status_line(TASKS[name], vtab)[0] == "ready"]
    steps = []
    if not (imagenet100 / "train").is_dir():
        steps.append("ImageNet-100 is not there: bash scripts/datasets/generate_imagenet100.sh <imagenet1k> "
                     f"{shlex.quote(str(imagenet100))}")
    elif lacking := [file for name, seed, file in encoders if (name, seed, "imagenet100") not in done]:
        steps += [f"{len(lacking)} of {len(encoders)} encoders lack ImageNet-100 (GPU 0, or cpu):",
                  f"    {_set('ENCODERS', root, ENCODERS)}bash scripts/train_align_uniform/linear_eval.sh "
                  f"{shlex.quote(str(imagenet100))} 0"]
    if len(ready) < len(TASKS):
        steps.append(f"{len(ready)} of {len(TASKS)} tasks of VTAB are prepared: "
                     f"python -m datasets.vtab status --root {shlex.quote(str(vtab))}")
    if lacking := [file for name, seed, file in encoders
                   if any((name, seed, TASKS[task].full_name) not in done for task in ready)]:
        files = [root] if len(lacking) == len(encoders) else lacking
        steps += [f"{len(lacking)} of {len(encoders)} encoders lack tasks of VTAB that are prepared:",
                  f"    {_set('VTAB', vtab, VTAB)}bash scripts/linear_eval/vtab.sh "
                  f"{' '.join(shlex.quote(str(file)) for file in files)}"]
    return steps


def _set(variable: str, path: Path, default: Path) -> str:
    return "" if path == default else f"{variable}={shlex.quote(str(path))} "


def main() -> None:
    options = parser("python -m linear_eval.status", __doc__)
    options.add_argument("--results", type=Path, default=Path("results"), help="folder of result files")
    options.add_argument("--encoders", type=Path, default=ENCODERS, help="folder of encoders")
    options.add_argument("--vtab", type=Path, default=VTAB, help="folder of prepared VTAB tasks")
    options.add_argument("--imagenet100", type=Path, default=Path("data/imagenet100"), help="the ImageNet-100 folder")
    args = options.parse_args()
    results = find_results([args.results]) if args.results.exists() else []
    encoders: Found = []
    try:
        encoders = find_encoders([str(args.encoders)])
    except UserError as error:  # none yet, or two of one name: what was evaluated can be shown all the same
        print(error)
    wanted = [result for result in results if family(result) in ("imagenet100", "vtab")]
    if wanted or encoders:
        print(*table(wanted, [name for name, _, _ in encoders]), sep="\n")
    steps = next_steps(wanted, encoders, args.encoders, args.vtab, args.imagenet100)
    print("", *(steps or ["nothing is missing"]), sep="\n")


if __name__ == "__main__":
    run(main)
