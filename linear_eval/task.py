"""A labelled task: real images to fit probes on and to measure them on, and which of them a limit takes.

    task = load_task("data/cifar10")

Three layouts are read: train/<class>/ and val/<class>/, with or without the record (`dataset.json`) of the command that
prepared it; VTAB-1k's, images/ with the lists train800val200.txt and test.txt ("path label" a line); and stored
examples of sound and sensors (`datasets.examples`).
"""

import argparse
import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from datasets.examples.store import is_examples
from datasets.image_folders.fingerprint import contents_sha256, states_sha256
from datasets.image_folders.folder import labelled_images
from datasets.image_folders.record import RECORD, record_of
from datasets.vtab.tasks import TASKS, VtabTask
from linear_eval.features.baselines import BASELINES, OF_ARRAYS
from linear_eval.features.frozen import SMALL_VIEW, View, decode
from linear_eval.features.rows import Row
from linear_eval.results import is_text
from linear_eval.stored import StoredSplit, stored_task
from utils.cli import UserError, non_negative, positive_int
from utils.seeding import permutation, stable_key

VTAB_1K = ("train800val200.txt", "test.txt")  # what is trained on and what is measured


@dataclass
class Split:
    """Labelled images, decoded when asked for; those of the small view are kept, 12 KB each."""

    paths: list[Path]
    labels: np.ndarray  # int64 [N]
    baselines: ClassVar = tuple(BASELINES)
    channels: ClassVar = 3
    _decoded: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._decoded = np.zeros(len(self.paths), bool)

    @functools.cached_property
    def _pixels(self) -> np.ndarray:  # not before it is needed: for ImageNet-1k 16 GB
        return np.empty((len(self.paths), SMALL_VIEW.size, SMALL_VIEW.size, 3), np.uint8)

    def images(self, rows: np.ndarray | None = None, view: View = SMALL_VIEW) -> np.ndarray:
        """The images numbered `rows` (None: all) under `view`: uint8 [N, view.size, view.size, 3]."""
        wanted = np.arange(len(self.paths)) if rows is None else rows
        if view != SMALL_VIEW:
            return decode([self.paths[i] for i in wanted], view)
        missing = wanted[~self._decoded[wanted]]
        self._pixels[missing] = decode([self.paths[i] for i in missing], view)
        self._decoded[missing] = True
        return self._pixels if rows is None else self._pixels[rows]

    def __len__(self) -> int:
        return len(self.paths)

    def state(self, rows: np.ndarray) -> str:
        """Changes when what `images` gives for `rows` may have."""
        return states_sha256(Path("/"), [self.paths[i].resolve() for i in rows])

    def seen(self, view: View) -> str:
        return str(view)

    def check(self, row: Row, protocol: str) -> None:
        """Raises UserError for a row that takes no images, or that `protocol` is not defined for."""
        if row.name in OF_ARRAYS or row.facts.get("channels", 3) != 3:
            raise UserError(f"{row.name} is not made for images, which have 3 channels; probe it with --data that has "
                            "what it takes")


@dataclass
class Task:
    """`train` is what probes are fitted on, all of it or a part; `val` is what they are measured on, always whole."""

    name: str
    classes: list[str]
    train: Split | StoredSplit
    val: Split | StoredSplit
    sha256: str  # of the files' names and classes, to notice results about different images under one name
    contents_sha256: str  # of the files' names and contents, to notice other images under the same names
    selection: str = "class-balanced"  # how a limit takes training images; or "uniform", or "given list"
    complete: bool = True  # whether all images of the task are there, by its record
    family: str = ""  # whose tables it belongs to, by its record

    def order(self, seed: int) -> np.ndarray:
        """An order of the training images whose first N are what `--train-limit N` takes: int64 [N train]."""
        if self.selection == "class-balanced":
            return balanced_order(self.train.labels, seed)
        return permutation(stable_key("train limit", seed), 0, len(self.train.labels))

    def limit(self, asked: int | str | None) -> int | None:
        """A number of training images: `asked`, or of a share such as "10%" so many, and one a class at least."""
        if not isinstance(asked, str):
            return asked
        return max(round(float(asked.removesuffix("%")) / 100 * len(self.train)), len(self.classes))


def add_task_options(options: argparse.ArgumentParser) -> None:
    """Options of every command that loads a task from --data."""
    options.add_argument("--task", help="the task's name in tables (default: that of its record, or of the folder)")
    options.add_argument("--labels", help="of sound and sensors: which labels, such as speaker (default: the first)")
    options.add_argument("--only", metavar="COLUMN=VALUE", help="of sound and sensors: train the probe on these "
                         "examples alone, such as subject=101")


def number_or_share(text: str) -> int | str:
    """Argument type of a limit: a whole number of at least 1, or a share as "10%"."""
    if not text.endswith("%"):
        return positive_int(text)
    if not 0 < non_negative(text[:-1]) <= 100:
        raise argparse.ArgumentTypeError(f"must be a share above 0% and up to 100%, not {text!r}")
    return text


def balanced_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Images of each class are shuffled and dealt out round by round, classes in a random order within a round.

    So the first N hold every class equally often (as far as the class has images), and a smaller N is part of a larger.
    labels: int64 [N]; returns int64 [N].
    """
    order = permutation(stable_key("train limit", seed), 0, len(labels))
    round_of = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        round_of[members] = np.arange(len(members))
    return order[np.argsort(round_of[order], kind="stable")]


def _listed(root: Path, name: str, split: str, classes: int) -> Split:
    """The images of a VTAB-1k list. Raises UserError naming the line that is wrong."""
    paths, labels = [], []
    text = (root / name).read_text("utf-8", "surrogateescape")  # as Python spells names that are not UTF-8
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        path, _, label = line.strip().rpartition(" ")
        known = label.isdecimal() and len(label) < 10 and int(label) < classes
        if not known or Path(path).is_absolute() or ".." in Path(path).parts:
            raise UserError(f"{root / name}, line {number}: {line!r} is not a path inside the folder and a label below "
                            f"{classes}; fetch the list again")
        if not (root / path).is_file():
            raise UserError(f"{root / path} ({name}, line {number}) is not there; unpack the archive again")
        paths.append(root / path)
        labels.append(int(label))
    if not paths:
        raise UserError(f"{root / name} lists no images for {split}; fetch the list again")
    return Split(paths, np.array(labels, np.int64))


def _vtab_1k(root: Path) -> tuple[VtabTask, Split, Split]:
    task = next((task for task in TASKS.values() if root.resolve().name in (task.name, task.vtab_1k)), None)
    if task is None:
        raise UserError(f"{root} has VTAB-1k's lists but no task's name; the names are "
                        f"{', '.join(task.vtab_1k for task in TASKS.values())}")
    train, val = (_listed(root, name, split, task.classes) for name, split in zip(VTAB_1K, ("train", "val"),
                                                                                  strict=True))
    return task, train, val


def _folders(root: Path, counts: dict[str, int]) -> tuple[list[str], Split, Split]:
    train_paths, train_labels, classes = labelled_images(root, "train")
    val_paths, val_labels, val_classes = labelled_images(root, "val")
    if classes != val_classes:
        only = [f"{c!r} only in {split}" for split, have, lack in (("train", classes, val_classes),
                                                                   ("val", val_classes, classes))
                for c in have if c not in lack]
        raise UserError(f"{root}/train and {root}/val have different classes ({', '.join(only[:5])}"
                        f"{', ...' if len(only) > 5 else ''})")
    for split, paths in (("train", train_paths), ("val", val_paths)):
        if counts.get(split, len(paths)) != len(paths):
            raise UserError(f"{root}/{split} holds {len(paths)} of the {counts[split]} images its {RECORD} names; run "
                            "the command that prepares it again")
    return classes, Split(train_paths, train_labels), Split(val_paths, val_labels)


def is_ready(root: Path) -> bool:
    """Whether `root` holds a VTAB-1k task, or one that was prepared to the end."""
    return all((root / name).is_file() for name in VTAB_1K) or (root / RECORD).is_file()


def load_task(root: Path | str, name: str | None = None, labels: str | None = None, only: str | None = None) -> Task:
    """The task in the folder `root`. Its name defaults to that in its record, or to the folder's.

    labels, only: of stored examples, which have labels for several tasks (`stored.stored_task`).

    The record also says how a limit takes training images; without one it takes them class by class. Raises UserError
    if a split is missing, empty or not what the record says, if the two have different classes, or if there is one
    class only.
    """
    root = Path(root)
    if is_examples(root):
        parts = stored_task(root, labels, only)
        return Task(**{**parts, "name": name or parts["name"]})
    if labels or only:
        raise UserError(f"{root} holds images in class folders; --labels and --only are for stored examples of sound "
                        "and sensors")
    listed = all((root / file).is_file() for file in VTAB_1K)
    if listed:
        vtab, train, val = _vtab_1k(root)
        found, classes = vtab.full_name, [f"{label:04d}" for label in range(vtab.classes)]
        how = {"selection": "given list", "family": "vtab",
               "complete": (len(train.paths), len(val.paths)) == (1000, vtab.test)}
    else:
        record = record_of(root)
        classes, train, val = _folders(root, record["counts"])
        found, how = str(record["name"] or root.resolve().name), {key: record[key] for key in ("selection", "family",
                                                                                               "complete")}
    if not is_text(name or found):
        raise UserError(f"the task's name, {name or found!r}, is not UTF-8; pass another as --task, or rename {root}")
    if len(classes) < 2:
        raise UserError(f"{root} has one class, {classes[0]!r}; a probe needs at least two")
    paths = train.paths + val.paths
    names = [path.relative_to(root).as_posix() for path in paths]
    if listed:  # elsewhere the folder says the class
        names += [str(label) for label in np.concatenate([train.labels, val.labels])]
    sha256 = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    return Task(name or found, classes, train, val, sha256, contents_sha256(root, paths), **how)
