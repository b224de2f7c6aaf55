"""A folder of examples: an array computed once from sound or sensor recordings, with their labels by task.

    examples = load_examples("data/fsdd")
    labels, classes = examples.labels("speaker")

    examples.npy     float32 [N, C, H, W], normalised by the training examples' mean and deviation of each channel
    waveforms.npy    int16 [N, T], of sound, if it was kept (for views of the waveform)
    examples.csv     a line for each: its file (and first row, of a sensor window), split and label for each task
    dataset.json     the record: which modality, from where, how it was computed, mean, deviation
"""

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from datasets.image_folders.record import RECORD, make_record, record_of
from utils.cli import UserError
from utils.files import errors_name, human_bytes, locked, write_bytes, write_json
from utils.progress import Progress

ARRAY, WAVEFORMS, TABLE = "examples.npy", "waveforms.npy", "examples.csv"
SPLITS = ("train", "val", "test")
PART = 256  # examples computed at a time


class Example(NamedTuple):
    """One line of the table."""

    file: str  # below the folder it was read from
    split: str  # of SPLITS
    labels: tuple[str, ...]  # one for each task
    start: int = 0  # first row, of a window


@dataclass(frozen=True)
class Examples:
    """What lies in the folder `root`."""

    root: Path
    array: np.ndarray  # float32 [N, C, H, W], a memory map
    table: dict[str, np.ndarray]  # columns of text, [N]
    record: dict[str, Any]

    @property
    def tasks(self) -> list[str]:
        return [name for name in self.table if name not in ("file", "split", "start")]

    def labels(self, task: str) -> tuple[np.ndarray, list[str]]:
        """int64 [N], and what they number. Raises UserError for a task that is not there."""
        if task not in self.tasks:
            raise UserError(f"{self.root} has no labels called {task!r}, but {', '.join(self.tasks)}")
        classes, labels = np.unique(self.table[task], return_inverse=True)
        return labels.astype(np.int64), classes.tolist()

    def rows(self, split: str) -> np.ndarray:
        """The examples of one split: int64."""
        return np.flatnonzero(self.table["split"] == split)

    def measured(self) -> str:
        """The split that accuracy is measured on: test, or val where there is no test."""
        return "test" if len(self.rows("test")) else "val"

    def waveforms(self) -> np.ndarray:
        """int16 [N, T], a memory map. Raises UserError if they were not kept."""
        if not (self.root / WAVEFORMS).exists():
            raise UserError(f"{self.root} has no waveforms; prepare it again with --waveforms")
        return np.load(self.root / WAVEFORMS, mmap_mode="r")


def is_examples(root: Path | str) -> bool:
    """Whether `root` is such a folder."""
    return Path(root, TABLE).is_file()


def load_examples(root: Path | str) -> Examples:
    """The examples in `root`. Raises UserError if they are not there, or if array and table do not fit."""
    root = Path(root)
    if not is_examples(root):
        raise UserError(f"{root} holds no prepared examples ({TABLE}); see python -m datasets.sound --help and "
                        "python -m datasets.sensors --help")
    try:
        with open(root / TABLE, newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        array = np.load(root / ARRAY, mmap_mode="r")
        table = {name: np.array(column) for name, column in zip(header, zip(*lines, strict=True), strict=True)}
    except (FileNotFoundError, ValueError, EOFError):
        array, table = np.empty(0), {}
    if array.ndim != 4 or array.dtype != np.float32 or not {"file", "split", "start"} <= table.keys() or (
            len(table["file"]) != len(array)):
        raise UserError(f"{root} is damaged: {ARRAY} and {TABLE} do not fit; remove it and prepare it again")
    return Examples(root, array, table, record_of(root))


def write_examples(root: Path | str, name: str, modality: str, source: str, tasks: Sequence[str],
                   examples: Sequence[Example], compute: Callable[[Sequence[Example]], Tensor],
                   waveforms: Callable[[Sequence[Example]], np.ndarray] | None = None, **how: Any) -> Examples:
    """Write `root` from what `compute` gives for PART examples at a time: float32 [n, C, H, W].

    `waveforms` gives int16 [n, T] to keep beside. `how` says how the numbers were made; it stands in the record. The
    folder appears when it is whole; one with the same record and examples is left alone. Raises UserError if `root`
    holds something else, if nothing is trained on or measured on, or if no task has two classes.
    """
    root = Path(root).absolute()
    counts = {split: sum(example.split == split for example in examples) for split in SPLITS}
    if not counts["train"] or not counts["val"] + counts["test"]:
        raise UserError(f"{source} gives {counts['train']} training examples and {counts['val'] + counts['test']} to "
                        "measure on; it needs both")
    varied = [task for k, task in enumerate(tasks) if len({example.labels[k] for example in examples}) > 1]
    if not varied:
        raise UserError(f"{source} has one class, {examples[0].labels[0]!r}; a probe needs at least two")
    record = make_record(name, source, counts, modality=modality, waveforms=waveforms is not None, **how)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "split", "start", *tasks])
    writer.writerows([example.file, example.split, example.start, *example.labels] for example in examples)
    table = text.getvalue().encode()
    if root.is_dir() and any(root.iterdir()):
        if is_examples(root):
            found = record_of(root)
            if all(found.get(key) == value for key, value in record.items()) and (root / TABLE).read_bytes() == table:
                return load_examples(root)
        raise UserError(f"{root} holds something else, or the same prepared otherwise; choose another --output")
    root.parent.mkdir(parents=True, exist_ok=True)
    work = root.with_name(f".{root.name}.partial")
    with locked(root.with_name(f".{root.name}.lock"), f"{root} is being written by another process; wait for it"):
        shutil.rmtree(work, ignore_errors=True)  # of a command that was killed
        work.mkdir()
        try:
            mean, std = _write_arrays(work, root, examples, compute, waveforms)
            write_bytes(work / TABLE, table)
            write_json(work / RECORD, {**record, "mean": mean, "std": std})
            if root.is_dir():
                root.rmdir()
            os.replace(work, root)
        finally:
            shutil.rmtree(work, ignore_errors=True)  # nothing goes on from it
    return load_examples(root)


def _write_arrays(work: Path, root: Path, examples: Sequence[Example],
                  compute: Callable[[Sequence[Example]], Tensor],
                  waveforms: Callable[[Sequence[Example]], np.ndarray] | None) -> tuple[list[float], list[float]]:
    """Both arrays in `work`, the first normalised; returns the means and deviations."""
    arrays: dict[str, np.ndarray] = {}

    def put(name: str, start: int, part: np.ndarray) -> None:
        if name not in arrays:
            shape, free = (len(examples), *part.shape[1:]), shutil.disk_usage(work).free
            if (size := len(examples) * part[0].nbytes) > free:
                raise UserError(f"{root / name} needs {human_bytes(size)}, but only {human_bytes(free)} are free there")
            arrays[name] = np.lib.format.open_memmap(work / name, "w+", part.dtype, shape)
        arrays[name][start : start + len(part)] = part

    with errors_name(root), Progress(len(examples), f"preparing {root.name}", "examples") as progress:
        for start in range(0, len(examples), PART):
            part = examples[start : start + PART]
            put(ARRAY, start, compute(part).numpy())
            if waveforms:
                put(WAVEFORMS, start, waveforms(part))
            progress.update(len(part))
    array = arrays[ARRAY]
    train = np.flatnonzero([example.split == "train" for example in examples])
    mean, std = channel_moments(array[rows] for rows in np.array_split(train, -(-len(train) // PART)))
    std[std == 0] = 1  # a channel that never changes
    for start in range(0, len(array), PART):
        part = array[start : start + PART]
        part[:] = (part - mean[:, None, None]) / std[:, None, None]
    for written in arrays.values():
        written.flush()
    return mean.tolist(), std.tolist()


def channel_moments(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of parts [n, C, H, W]: float64 [C]."""
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for part in parts:
        values = part.astype(np.float64)
        count += values[:, 0].size
        total, squares = total + values.sum((0, 2, 3)), squares + (values**2).sum((0, 2, 3))
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0))
