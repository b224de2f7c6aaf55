"""Tables and a figure of result files, with the authors' numbers beside ours.

    python -m train_distillation.evaluation.tables results/robust_student      # writes table.md, sweep.png; prints

authors.csv holds the authors' raw results: students of CLIP RN101 after 25 epochs on ImageNet-100 at 224 pixels, top-1
on 5,000 images, ten repeats (Ravula et al. 2021, released result files; the clean heads are of their notebook).
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from datasets.corruptions.distortions import NUMBER
from datasets.corruptions.severities import CORE, NAMES
from utils.cli import UserError, parser, run
from utils.figures import save_figure
from utils.files import read_record, write_bytes

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

AUTHORS = Path(__file__).with_name("authors.csv")
# The authors' blurs are of 224 pixels, ours as wide at 64.
AS_THEIRS = {"blur:7,1.43": "blur:21,5", "blur:11,2.57": "blur:37,9"}
TRANSFER = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "stl10": "STL-10"}  # tasks, as they call them
SEVERITIES = ("1", "2", "3", "4", "5")
# What one line of the figure has in common, and how its name says it.
CONDITION = {"encoder": "", "head_distortion": "", "task": "{}", "size": "{} pixels", "layer": "{}",
             "train_limit": "{} training images", "val": "{} measured", "restore": "{}", "precision": "{}",
             "seed": "seed {}", "encoder_sha256": "weights {:.8}"}
Row = dict[str, Any]


def read_rows(folder: Path) -> list[Row]:
    """Every row of the result files in `folder` and below, with what its file says. Raises UserError for none."""
    rows = []
    for path in sorted(folder.rglob("*.json")):
        one = read_record(path, rows=list, encoder=str, task=str, head=str)
        rows += [{**one, **one.get("run", {}), **row, "file": path.stem} for row in one["rows"]]
    if not rows:
        raise UserError(f"{folder} holds no result files; make some: python -m train_distillation.evaluation --help")
    return rows


def authors(what: str, test: str, trained_on: str = "", share: float = 1) -> str:
    """The authors' top-1 in `test` of what was trained on a distortion (default: on that of the test), or "-"."""
    test, trained_on = (AS_THEIRS.get(text, text) for text in (test, trained_on or test))
    with open(AUTHORS, newline="") as file:
        for line in csv.DictReader(file):
            if ((line["what"], line["test"], float(line["share"])) == (what, test, share)
                    and line["trained_on"] in ("", trained_on)):
                return line["top1"]
    return "-"


def authors_of(row: Row) -> str:
    """The authors' top-1 under the conditions of a row, as far as they have it, or "-"."""
    what = ""
    if row["kind"] == "student" and not row["restore"] and plain({**row, "loss": "st"}):
        what = {"own": "student", "clean": "student, clean head", "text": "student, zero-shot"}[row["head"]]
        what += f", loss {row['loss']}" * (row["loss"] != "st")
    elif row["kind"] == "clean" and row["restore"]:
        what = f"{row['restore']}, clean encoder"
    elif row["kind"] == "clean" and row["head"] == "own" and row["head_distortion"] == row["test"]:
        what = "clean encoder, probe on corrupted images"
    if row["task"] in TRANSFER:
        same = what == "student" and row["test"] == row["distortion"]
        return authors("student, transfer", TRANSFER[row["task"]], row["distortion"]) if same else "-"
    return authors(what, row["test"], row.get("distortion", ""), row["share"])


def scale(row: Row) -> str:
    return (f"{row['task']} at {row['size']} pixels, probes on {row.get('train_limit') or 'all'} training images, "
            f"{row['val']} measured")


def cell(row: Row | None) -> str:
    return f"{row['top1']:.1f} ± {row['sampling_error']:.1f}" if row else "-"


def gain(student: Row | None, clean: Row | None) -> str:
    """Difference and its 95 % interval, from the binomial errors of both: wider than of paired images."""
    if not student or not clean:
        return "-"
    error = math.hypot(student["sampling_error"], clean["sampling_error"])
    return f"{student['top1'] - clean['top1']:+.1f} ± {1.96 * error:.1f}"


def plain(row: Row) -> bool:
    """Whether a student was trained as published."""
    return row.get("loss") == "st" and not row["hold_w"] and not row["dense_w"] and not row["curriculum"]


def main_table(rows: Sequence[Row]) -> list[str]:
    """A line for each student, beside the clean encoder with a probe fitted on the same corruption, and a network
    trained on labels for as long."""
    def find(test: str, head: str, **wanted: Any) -> Row | None:
        return next((row for row in rows if row["test"] == test and row["head"] == head and row["share"] == 1
                     and not row["restore"] and all(row.get(key) == value for key, value in wanted.items())), None)

    students = {row["encoder"]: row for row in rows if row["kind"] == "student"}
    lines = ["| distortion | student | clean encoder | student | gain | student, clean head | ... on clean images | "
             "clean encoder there | trained on labels | authors: clean encoder | authors: student |", "|---" * 11 + "|"]
    for name, row in sorted(students.items(), key=lambda item: (item[1]["distortion"], not plain(item[1]), item[0])):
        d = row["distortion"]
        clean = find(d, "own", kind="clean", head_distortion=d)
        mine = find(d, "own", encoder=name, head_distortion=d)
        if mine is None:
            continue
        labelled = find(d, "trained", kind="supervised", distortion=d, alpha=0,
                        **{key: row[key] for key in ("steps", "epochs", "batch_size")})
        length = f"{row['steps']} steps" if row["steps"] else f"{row['epochs']} epochs"
        how = [f"{row['images'] or 'photos'}, {length} of {row['batch_size']}"]
        how += [f"loss {row['loss']}"] if row["loss"] != "st" else []
        how += [f"{name} {row[key]:g}" for key, name in (("hold_w", "hold"), ("dense_w", "dense")) if row[key]]
        lines.append(f"| {d} | {', '.join(how)} | {cell(clean)} | {cell(mine)} | {gain(mine, clean)} | "
                     f"{cell(find(d, 'clean', encoder=name))} | {cell(find('none', 'clean', encoder=name))} | "
                     f"{cell(find('none', 'clean', kind='clean'))} | {cell(labelled)} | "
                     f"{authors('clean encoder, probe on corrupted images', d)} | {authors('student', d)} |")
    return [*lines, ""] if len(lines) > 2 else []


def transfer_matrix(rows: Sequence[Row]) -> list[str]:
    """Top-1 of students and their probes, each fitted on one distortion (lines), on those of the others (columns)."""
    found: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if (row["kind"], row["head"], row["share"], row["restore"]) == ("student", "own", 1, "") and plain(row) \
                and "/" not in row["test"]:  # not other folders
            found[row["distortion"], row["encoder"]].setdefault(row["test"], row)
    lines = {fitted: cells for (fitted, _), cells in sorted(found.items())
             if len({test.partition(":")[0] for test in cells} - {"none"}) > 1}  # not a sweep of levels
    table = [[fitted, *(cell(cells.get(test)) for test in lines)] for fitted, cells in lines.items()]
    head = [["fitted on, measured on", *lines], ["---"] * (len(lines) + 1)]
    return [*(f"| {' | '.join(line)} |" for line in [*head, *table]), ""] if lines else []


def all_rows(rows: Sequence[Row]) -> list[str]:
    lines = ["| encoder | head | fitted on | measured on | labels | top-1 | over repeats | top-5 | authors |",
             "|---" * 9 + "|"]
    for row in rows:
        repeats = f"± {row['top1_error']:.2f} ({row['repeats']})" if row["repeats"] > 1 else "-"
        measured = f"{row['test']}, {row['restore']}" if row["restore"] else row["test"]
        lines.append(f"| {row['encoder']} | {row['head']} | {row['head_distortion'] or '-'} | {measured} | "
                     f"{100 * row['share']:g} % | {cell(row)} | {repeats} | {row['top5']:.1f} | {authors_of(row)} |")
    return [*lines, ""]


def imagenet_c(rows: Sequence[Row]) -> list[str]:
    """Means over the severities and corruptions of ImageNet-100-C, of rows measured on <corruption>/<severity>."""
    found: dict[tuple[Any, ...], dict[tuple[str, str], float]] = defaultdict(dict)
    for row in rows:
        name, _, severity = row["test"].partition("/")
        if name in NAMES and severity in SEVERITIES:
            key = (row["encoder"], row["head"], row["head_distortion"], row["share"], row.get("distortion", ""))
            found[key][name, severity] = row["top1"]
    lines = ["| encoder | head | fitted on | labels | 15 corruptions | all 19 | authors | authors: all 19 |",
             "|---" * 8 + "|"]
    for (encoder, head, fitted, share, trained_on), cells in found.items():
        wanted = [[cells.get((name, severity)) for name in names for severity in SEVERITIES] for names in (CORE, NAMES)]
        means = ["-" if None in each else f"{np.mean(each):.1f}" for each in wanted]
        theirs = [authors("student, ImageNet-100-C", f"{number} corruptions", trained_on or "-") for number in (15, 19)]
        lines.append(f"| {encoder} | {head} | {fitted or '-'} | {100 * share:g} % | {' | '.join([*means, *theirs])} |")
    return [*lines, ""] if found else []


def level(test: str) -> tuple[str, float] | None:
    """The kind and the level of "mask:0.75" or "noise:0.3"; None for a range, a fixed mask, and all others."""
    found = re.fullmatch(rf"(mask|noise):({NUMBER})", test)
    return (found[1], float(found[2])) if found else None


def sweeps(rows: Sequence[Row]) -> dict[tuple[str, str], dict[float, Row]]:
    """Rows by level of each (kind, name of a line): a line is of one condition, and its name says what tells it from
    the others. Of several rows of a level, that with the most repeats."""
    found: dict[tuple[Any, ...], dict[float, Row]] = defaultdict(dict)
    for row in rows:
        fitted, at = row["head_distortion"], level(row["test"])
        if at and fitted.partition(":")[0] in ("", "none", at[0]):  # not how a student of masks sees noise
            points = found[(at[0], *(row.get(name) for name in CONDITION))]
            if at[1] not in points or row.get("repeats", 1) > points[at[1]].get("repeats", 1):
                points[at[1]] = row
    found = {key: points for key, points in found.items() if len(points) > 2}
    lines = {}
    for (kind, encoder, fitted, *values), points in found.items():
        ours = [key for key in found if key[0] == kind and key[3]]  # the authors' say no task
        parts = [encoder, f"probe on {fitted}"] if fitted else [encoder]
        for i, (name, value) in enumerate(zip(list(CONDITION)[2:], values, strict=True), 3):
            beside = [key for key in ours if name != "encoder_sha256" or key[1:3] == (encoder, fitted)]
            if values[0] and len({key[i] for key in beside}) > 1 and (value or name == "train_limit"):
                parts.append(CONDITION[name].format(value or "all"))
        lines[kind, ", ".join(parts)] = points
    return lines


def figure(rows: Sequence[Row], path: Path) -> bool:
    """Top-1 over the level, a line for each condition measured at three levels or more, beside the authors' student;
    False if there are none."""
    with open(AUTHORS, newline="") as file:
        theirs = [{**line, "encoder": "authors' student (CLIP RN101, ImageNet-100, 224 pixels)", "head_distortion": "",
                   "top1": float(line["top1"]), "top1_error": float(line["top1_error"] or 0)}
                  for line in csv.DictReader(file) if line["what"] == "student" and "-" in line["trained_on"]]
    lines = sweeps([*(row for row in rows if row["head"] == "own" and row["share"] == 1), *theirs])
    kinds = sorted({kind for kind, name in lines if "authors" not in name})
    if not kinds:
        return False
    chart, panels = plt.subplots(1, len(kinds), figsize=(5.5 * len(kinds), 4.8), squeeze=False)
    for panel, kind in zip(panels[0], kinds, strict=True):
        for (which, name), points in sorted(lines.items()):
            if which == kind:
                levels = np.array(sorted(points))
                errors = [points[at]["top1_error"] for at in levels]
                panel.errorbar(levels, [points[at]["top1"] for at in levels], errors, marker=".", label=name, capsize=2,
                               linestyle="--" if "authors" in name else "-")
        panel.set(xlabel={"mask": "share of pixels masked", "noise": "sigma of noise"}[kind], ylabel="top-1, %",
                  ylim=(0, None))
        panel.grid(alpha=0.3)
        panel.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=7, frameon=False)
    chart.tight_layout()
    save_figure(chart, path)
    plt.close(chart)
    return True


def table(rows: Sequence[Row]) -> str:
    """Markdown, all accuracies in percent."""
    lines = ["Top-1 in percent, ± the binomial standard error; a gain ± its 95 % interval. The authors' numbers are of "
             "CLIP RN101 and ImageNet-100 at 224 pixels.", ""]
    for said in dict.fromkeys(map(scale, rows)):
        group = [row for row in rows if scale(row) == said]
        lines += [f"**{said}**", "", *main_table(group), *transfer_matrix(group), *imagenet_c(group),
                  *all_rows(group)]
    machines = sorted({row["environment"]["device"] for row in rows})
    return "\n".join([*lines, f"Made on {'; '.join(machines)}.", ""])


def main() -> None:
    p = parser("python -m train_distillation.evaluation.tables", __doc__)
    p.add_argument("results", type=Path, help="folder of result files")
    folder = p.parse_args().results
    rows = read_rows(folder)
    text = table(rows)
    write_bytes(folder / "table.md", text.encode())
    figure(rows, folder / "sweep.png")
    print(text)


if __name__ == "__main__":
    run(main)
