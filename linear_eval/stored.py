"""Labelled tasks made of stored examples: spectrograms of sound or of sensors (`datasets.examples`)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from datasets.examples.store import ARRAY, TABLE, Examples, load_examples
from datasets.image_folders.fingerprint import contents_sha256, states_sha256
from linear_eval.features.baselines import OF_ARRAYS
from linear_eval.features.frozen import View
from utils.cli import UserError

if TYPE_CHECKING:
    from linear_eval.features.rows import Row


@dataclass
class StoredSplit:
    """Some of the examples, as a probe sees them: they are what encoders take, so there is no view of them."""

    baselines: ClassVar = tuple(OF_ARRAYS)
    paths: ClassVar[list[Path]] = []  # of image files: none

    examples: Examples
    rows: np.ndarray  # int64 [N], which of the examples
    labels: np.ndarray  # int64 [N]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def channels(self) -> int:
        return self.examples.array.shape[1]

    def images(self, rows: np.ndarray | None = None, view: View | None = None) -> np.ndarray:
        """The examples numbered `rows` (None: all) of the split: float32 [N, C, H, W]."""
        return self.examples.array[self.rows if rows is None else self.rows[rows]]

    def state(self, rows: np.ndarray) -> str:
        """Changes when what `images` gives for `rows` may have."""
        files = states_sha256(Path("/"), [(self.examples.root / ARRAY).resolve()])
        return hashlib.sha256(files.encode() + self.rows[rows].tobytes()).hexdigest()

    def seen(self, view: View) -> str:
        return "as stored"

    def check(self, row: "Row", protocol: str) -> None:
        """Raises UserError for a row or a protocol that takes images."""
        if protocol not in ("cached", "knn"):
            raise UserError(f"protocol {protocol} is for images; use --protocol cached or knn")
        network = row.facts.get("kind") in ("encoder", "random_init")
        if row.facts.get("kind") == "baseline" and row.name not in OF_ARRAYS:
            raise UserError(f"{row.name} are of images; the baselines of stored examples are {', '.join(OF_ARRAYS)}")
        channels = row.facts.get("channels", 3)
        if network and channels != self.channels:
            raise UserError(f"{row.name} takes inputs of {channels} channels, and those of {self.examples.root} have "
                            f"{self.channels}; probe an encoder that was trained on such, or a random one by "
                            "--architecture ResNet18")


def stored_task(root: Path, labels: str | None, only: str | None) -> dict[str, Any]:
    """The fields of the `Task` in the folder `root`, of the labels called `labels` (None: the first).

    only: "COLUMN=VALUE", to train on the examples of one subject, say. Accuracy is measured on test, or on val where
    there is no test. Raises UserError for labels, a column or a value that is not there, if one class is left, and if
    none that is measured is trained on.
    """
    examples = load_examples(root)
    task = labels or examples.tasks[0]
    numbers, classes = examples.labels(task)
    train, val = examples.rows("train"), examples.rows(examples.measured())
    name = f"{examples.record['name'] or root.resolve().name}-{task}"
    if only:
        column, _, value = only.partition("=")
        if column not in examples.tasks or value not in examples.table[column]:
            raise UserError(f"no example of {root} has {only}; the columns are {', '.join(examples.tasks)}, and a "
                            f"value is given as {examples.tasks[-1]}={examples.table[examples.tasks[-1]][0]}")
        train, name = train[examples.table[column][train] == value], f"{name} ({only})"
    if len(np.unique(numbers[train])) < 2:
        raise UserError(f"the training examples of {name} have one class or none; a probe needs at least two")
    if not np.isin(numbers[val], numbers[train]).any():
        raise UserError(f"no class of {name} is both trained on and measured, as of people who are in one split only; "
                        "choose other --labels")
    digest = hashlib.sha256(repr((task, only, classes)).encode() + numbers.tobytes() + train.tobytes() + val.tobytes())
    return {"name": name, "classes": classes, "train": StoredSplit(examples, train, numbers[train]),
            "val": StoredSplit(examples, val, numbers[val]), "sha256": digest.hexdigest(),
            "contents_sha256": contents_sha256(root, [root / ARRAY, root / TABLE]),
            **{key: examples.record[key] for key in ("selection", "family", "complete")}}
