"""What has been evaluated on what, and the command for what is missing.

    python -m linear_eval.status
    python -m linear_eval.status --results results --encoders encoders/small_scale --vtab data/vtab

A row is an encoder in <encoders>/<name>/encoder.pth, or whatever else is named in results. A column is ImageNet-100 or
a group of VTAB. A cell names the protocol, the limit of training images ("20k") if there was one, and for VTAB the
number of tasks: "paper 20k 5/7".
"""

import shlex
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from datasets.vtab_tasks import GROUPS, TASKS
from linear_eval.published import in_order
from linear_eval.results import Result, Setting, architecture, load, row_of, settings
from utils.cli import parser, run

ENCODERS, VTAB = Path("encoders/small_scale"), Path("data/vtab")  # where the scripts look
COLUMNS = ("encoder", "imagenet100", *GROUPS)
TERMINAL = 120  # columns


def find_encoders(root: Path) -> dict[str, Path]:
    """Encoder files by name."""
    return {path.parent.name: path for path in sorted(root.glob("*/encoder.pth"))}


def _short(setting: Setting) -> str:
    limit = f"{setting.limit:,}".replace(",000", "k")
    return setting.protocol + f" {limit}" * (setting.selection != "all") + " list" * (setting.selection == "given list")


def cells(results: Sequence[Result]) -> list[list[str]]:
    """The cells of one row under ImageNet-100 and the groups of VTAB, a line for each setting."""
    imagenet = [result for result in results if result["task"] == "imagenet100"]
    row = [[_short(setting) for setting in settings(imagenet)]]
    for group in GROUPS:
        names = {f"vtab-{task.name}" for task in TASKS.values() if task.group == group}
        found = [result for result in results if result["task"] in names]
        count = {setting: len({result["task"] for result in found if setting.takes(result)})
                 for setting in settings(found)}
        row.append([f"{_short(setting)} {n}/{len(names)}" for setting, n in count.items()])
    return row


def table(results: Sequence[Result], encoders: Sequence[str]) -> list[str]:
    """Lines of the view, in the order of the paper's charts; long names are cut so that it fits a terminal."""
    by_row: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        row = row_of(result)
        said = [row.layer] * (row.layer not in ("", "fc6")) + [f"width {row.width:g}"] * (row.width not in (0, 1))
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


def next_steps(results: Sequence[Result], root: Path, vtab: Path, imagenet100: Path) -> list[str]:
    """Lines that say what is missing for the encoders in the folder `root`, with the commands that make it."""
    done = {(result["encoder"], result["task"]) for result in results if architecture(result) == "SmallAlexNet"}
    ready = [name for name in TASKS if (vtab / name / "dataset.json").is_file()]
    encoders = find_encoders(root)
    steps = []
    if not (imagenet100 / "train").is_dir():
        steps.append("ImageNet-100 is not there: bash scripts/datasets/generate_imagenet100.sh <imagenet1k> "
                     f"{shlex.quote(str(imagenet100))}")
    elif lacking := [name for name in encoders if (name, "imagenet100") not in done]:
        steps += [f"{len(lacking)} of {len(encoders)} encoders lack ImageNet-100 (GPU 0, or cpu):",
                  f"    {_set('ENCODERS', root, ENCODERS)}bash scripts/train_align_uniform/linear_eval.sh "
                  f"{shlex.quote(str(imagenet100))} 0"]
    if len(ready) < len(TASKS):
        steps.append(f"{len(ready)} of {len(TASKS)} tasks of VTAB are prepared: "
                     f"python -m datasets.vtab status --root {shlex.quote(str(vtab))}")
    if lacking := [name for name in encoders if any((name, f"vtab-{task}") not in done for task in ready)]:
        files = [root] if len(lacking) == len(encoders) else [encoders[name] for name in lacking]
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
    results = load([args.results]) if args.results.exists() else []
    encoders = find_encoders(args.encoders)
    if not encoders:
        print(f"no encoders in {args.encoders}; they are looked for as {args.encoders}/<name>/encoder.pth")
    wanted = [result for result in results if result["task"] == "imagenet100" or result["task"].startswith("vtab-")]
    if wanted or encoders:
        print(*table(wanted, list(encoders)), sep="\n")
    steps = next_steps(wanted, args.encoders, args.vtab, args.imagenet100)
    print("", *(steps or ["nothing is missing"]), sep="\n")


if __name__ == "__main__":
    run(main)
