"""How good an encoder is on corrupted images: one pass over decoded images for each level and repeat.

    python -m train_distillation.evaluation --data DIR --encoder runs/robust/mask --output a.json          # a probe
    python -m train_distillation.evaluation --data DIR --encoder efficientnet-lite0 --size 64 --distortion mask:0.75 \
        --output b.json                                       # the clean encoder, its probe fitted on corrupted images
    ... --shares 0.001 0.01 0.1 1             # with so many of the labels
    ... --test mask:0.5 mask:0.9 mask:0.99 --repeats 10       # other levels, also beyond those it was trained on; none:
                                              # clean images; other distortions: a row of the matrix of transfer
    ... --head clean                          # the head fitted on the teacher and clean images, applied to the student
    ... --head text --names classes.txt       # zero-shot, for CLIP teachers
    ... --val imagenet100-c/*/*               # folders <class>/..., as they are: ImageNet-100-C
    ... --val imagenet100-changed/val --test mask:0.5 mask:0.9            # or corrupted: changed labels
    ... --encoder runs/robust/supervised --head trained       # train_distillation.supervised, with its own head
    ... --encoder efficientnet-lite0 --head clean --test noise:0.3 --restore nl-means     # repaired, then classified

DIR holds train/<class>/ and val/<class>/: that on which the student was trained, or any other. The same command does
nothing where its result is there.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from datasets.corruptions.distortions import parse
from datasets.image_folders.fingerprint import contents_sha256
from linear_eval.features.find import default_name
from linear_eval.task import Task, load_task
from train_distillation.evaluation.measure import (
    Head,
    Images,
    Restore,
    accuracies,
    embed,
    fit_head,
    labelled_folder,
    read_images,
    share_of,
    summary,
)
from train_distillation.restoration import restoration
from train_distillation.teachers import CLIP, EFFICIENTNET, TORCHVISION, Tower, load_student, load_teacher
from utils.cli import Parser, UserError, parser, positive_int, run, share, whole_number
from utils.devices import add_precision, choose_device, choose_precision, describe
from utils.files import read_json, read_record, write_json
from utils.run_folder import RunFolder, changes, environment

KEPT = ("distortion", "loss", "tau", "hold_w", "hold_share", "dense_w", "alpha", "curriculum", "steps", "epochs",
        "batch_size", "lr", "cosine", "seed")  # of a run's options


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: an encoder, its teacher, and the facts that identify it in a result."""

    tower: Tower
    source: str  # of the teacher
    facts: dict[str, Any]
    trained_on: str  # its distortion, or ""
    folder: Path | None


def name_of(teacher: str) -> str:
    """What a result calls it: no path."""
    named = teacher == EFFICIENTNET or teacher.startswith((TORCHVISION, CLIP))
    return teacher if named else default_name(Path(teacher))


def subject(encoder: str, layer: str, size: int | None) -> Subject:
    """The student in the run folder `encoder`, or the teacher of that name. Raises UserError."""
    folder = Path(encoder)
    if not (folder / "config.json").is_file():
        tower = load_teacher(encoder, layer, size)
        return Subject(tower, encoder, {"encoder": name_of(encoder), "kind": "clean"}, "", None)
    if layer or size:
        raise UserError(f"--layer and --size are for teachers; {encoder} has its own")
    if RunFolder(folder).done() is None:
        raise UserError(f"the run in {encoder} is not finished; run its command again")
    config, tower = read_record(folder / "config.json", teacher=str, data=dict), load_student(folder)
    record = config["data"].get("record", {})
    facts = {"encoder": folder.name, "kind": "supervised" if "alpha" in config else "student",
             "teacher": name_of(config["teacher"]), "images": record.get("name", ""),
             "run": {name: config[name] for name in KEPT if name in config}}
    return Subject(tower, config["teacher"], facts, config["distortion"], folder)


def options() -> Parser:
    p = parser("python -m train_distillation.evaluation", __doc__)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--encoder", required=True, help="run folder of a student, or a teacher's name")
    p.add_argument("--output", type=Path, required=True, help="result file")
    p.add_argument("--layer", default="", help="of a teacher")
    p.add_argument("--size", type=positive_int, help="height and width that a teacher sees (default: its own)")
    p.add_argument("--distortion", help="of the images that the head is fitted on (default: the student's)")
    p.add_argument("--head", choices=["own", "clean", "text", "trained"], default="own", help="own: fitted on "
                   "corrupted images; clean: on the teacher and clean ones; text: CLIP's; trained: the run's")
    p.add_argument("--names", type=Path, help="for --head text: lines of class and words, separated by a tab")
    p.add_argument("--test", nargs="+", help="distortions of the images that are measured (default: --distortion, and "
                   "none with --val)")
    p.add_argument("--val", nargs="+", type=Path, help="folders <class>/... that are measured in place of DATA/val")
    p.add_argument("--shares", nargs="+", type=share, help="of the labels of each class (default: 1)")
    p.add_argument("--repeats", type=positive_int, default=1, help="passes of each test, with fresh corruptions")
    p.add_argument("--restore", help="what repairs images before they are classified: nl-means, deep-decoder, or "
                   "deep-decoder:ITERATIONS (5,000 as published)")
    p.add_argument("--train-limit", type=positive_int, help="images to fit on at most, every class equally often")
    p.add_argument("--val-limit", type=positive_int, help="images to measure on at most, likewise")
    p.add_argument("--seed", type=whole_number, default=0)
    add_precision(p)
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    return p


def class_words(path: Path | None, task: Task, data: Path) -> list[str]:
    """The first name of each class, from the file `path` or the folder's record. Raises UserError if one is missing."""
    if path:
        lines = (line.partition("\t") for line in path.read_text().splitlines())
        words = {name.strip(): said for name, _, said in lines}
    else:
        record = read_json(data / "dataset.json") if (data / "dataset.json").exists() else {}
        words = record.get("classes", {}) if isinstance(record.get("classes"), dict) else {}
    lacking = [name for name in task.classes if not words.get(name, "").strip()]
    if lacking:
        raise UserError(f"there are no words for class {lacking[0]}; pass --names FILE with a line of class, tab and "
                        "words for each")
    return [words[name].partition(",")[0].strip() for name in task.classes]


def heads(args: Any, of: Subject, task: Task, images: Callable[[], Images], embedded: Callable[..., torch.Tensor]
          ) -> Iterator[tuple[dict[str, Any], Head]]:
    """Each head, with what a result says of it."""
    if args.head == "text":
        from models.clip_tower import text_head

        if not of.source.startswith(CLIP):
            raise UserError(f"--head text is for CLIP teachers (clip:RN101), and this one is {of.source}")
        text = text_head(of.source.removeprefix(CLIP), class_words(args.names, task, args.data))
        yield {"share": 0.0, "train": 0}, lambda h: F.normalize(h, dim=1) @ text.T
    elif args.head == "trained":
        from train_distillation.supervised import load_head

        head = load_head(of.folder, of.tower.features, task.classes)
        yield {"share": 1.0, "train": len(task.train.paths)}, head
    else:
        clean = args.head == "clean"
        tower = of.tower if not clean or of.folder is None else load_teacher(of.source, of.tower.layer, of.tower.SIZE)
        fitted, seen = images(), parse("none" if clean else args.distortion)
        h = embedded(tower, fitted, seen, ["head", args.seed], 0)
        for part in args.shares:
            rows = share_of(fitted.labels, part, len(task.classes), args.seed)
            head = fit_head(h[rows], fitted.labels[rows], len(task.classes), args.seed)
            yield {"share": part, "train": len(rows)}, head


def test_name(folder: Path | None, text: str) -> str:
    """What a result calls a test: the distortion, after the last two parts of a folder's path."""
    named = ["/".join(folder.absolute().parts[-2:])] if folder else []
    return ", ".join(named + [text] * (not folder or text != "none"))


def evaluate(args: Any, of: Subject, task: Task, repair: Restore | None, device: torch.device) -> list[dict[str, Any]]:
    """A row for each head and test."""
    embedded = functools.partial(embed, device=device, dtype=choose_precision(device, args.precision))
    train, val = task.train, task.val
    fitted = list(heads(args, of, task, lambda: read_images(train.paths, train.labels, of.tower, args.train_limit,
                                                            args.seed), embedded))
    rows = []
    for folder in args.val or [None]:
        paths, labels = labelled_folder(folder, task.classes) if folder else (val.paths, val.labels)
        measured = read_images(paths, labels, of.tower, args.val_limit, args.seed)
        for text in args.test:
            name, distortion = test_name(folder, text), parse(text)
            found = [[] for _ in fitted]
            for draw in range(1 if distortion.kind == "none" else args.repeats):
                h = embedded(of.tower, measured, distortion, ["test", args.seed], draw, restore=repair)
                for each, (_, head) in zip(found, fitted, strict=True):
                    each.append(accuracies(head(h), measured.labels))
            for each, (facts, _) in zip(found, fitted, strict=True):
                top1, top5 = zip(*each, strict=True)
                rows.append({"test": name, **facts, "val": len(measured.labels),
                             **summary(top1, top5, len(measured.labels))})
                print(f"{of.facts['encoder']:32} {args.head:8} {name:16} {100 * facts['share']:6.4g} % of labels  "
                      f"{rows[-1]['top1']:6.2f} % ± {rows[-1]['sampling_error']:.2f}", flush=True)
    return rows


def main() -> None:
    args = options().parse_args()
    if args.output.is_dir():
        raise UserError(f"{args.output} is a folder; --output is the result file, such as {args.output}/result.json")
    device = choose_device(args.gpus)
    of = subject(args.encoder, args.layer, args.size)
    args.distortion = args.distortion or of.trained_on or "none"
    args.test = args.test or ["none" if args.val else args.distortion]
    for text in (args.distortion, *args.test):
        parse(text).check(of.tower.SIZE)
    if args.shares and args.head in ("text", "trained"):
        raise UserError(f"--shares are of labels that a head is fitted on, and --head {args.head} is not; leave it out")
    args.shares = args.shares or [1.0]
    if not all(args.shares):
        raise UserError("--shares must be above 0")
    if args.head == "trained" and of.facts["kind"] != "supervised":
        raise UserError(f"{args.encoder} has no head of its own; pass a run of train_distillation.supervised")
    repair, task = restoration(args.restore), load_task(args.data)
    if args.train_limit and args.train_limit < len(task.classes):
        raise UserError(f"--train-limit {args.train_limit} is less than one image for each of {len(task.classes)} "
                        "classes; raise it")
    # Other classes are refused now, not after the work.
    folders = [contents_sha256(folder, labelled_folder(folder, task.classes)[0]) for folder in args.val or ()]
    precision = str(choose_precision(device, args.precision)).removeprefix("torch.")
    expected = {
        **of.facts, "encoder_sha256": of.tower.sha256(), "layer": of.tower.layer, "size": of.tower.SIZE,
        "task": task.name, "contents_sha256": task.contents_sha256, "head": args.head,
        "head_distortion": {"own": args.distortion, "clean": "none"}.get(args.head, ""), "restore": args.restore or "",
        "tests": [test_name(*test) for test in itertools.product(args.val or [None], args.test)],
        **({"val_sha256": folders} if folders else {}),
        "shares": args.shares, "repeats": args.repeats, "train_limit": args.train_limit,
        "val_limit": args.val_limit, "seed": args.seed, "precision": precision}
    if args.output.exists():
        found = read_record(args.output, rows=list)
        if said := changes({key: found.get(key) for key in expected}, expected):
            raise UserError(f"{args.output} holds another result ({said}); choose another --output, or delete it")
        print(f"{args.output} is there")
        return
    args.output.parent.mkdir(parents=True, exist_ok=True)
    rows = evaluate(args, of, task, repair, device)
    write_json(args.output, {**expected, "rows": rows, "environment": environment(device=describe(device))})


if __name__ == "__main__":
    run(main)
