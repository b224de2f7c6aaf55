"""A labelled task, a row of a table (an encoder or a baseline), and the result of probing one with the other.

In a study, load the task once: images are decoded once, and each encoder's features computed once for all train sizes.

    task = load_task("data/cifar10")
    row = encoder_row("encoders/small/stat-spectrum/encoder.pth", device=device)
    results = evaluate(task, row, train_limits=[5000, 50000], device=device)
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.folder import labelled_images
from linear_eval.baselines import BASELINES
from linear_eval.features import SIZE, Features, decode, encoder_features, extract
from linear_eval.probe_cached import fit_probe
from linear_eval.probe_paper import BATCH_SIZE, BETAS, DECAY, DECAY_AT, EPOCHS, LEARNING_RATE, train_linear
from models import SmallAlexNet, load_encoder, random_encoder
from utils.cli import UserError
from utils.cpus import usable_cpus
from utils.devices import choose_precision, describe
from utils.files import read_json
from utils.run_folder import changes, environment
from utils.seeding import permutation, stable_key

PROTOCOLS = ("cached", "paper")
RANDOM_INIT = "random initialisation"


@dataclass
class Split:
    """Labelled images that are decoded when first asked for, and then kept."""

    paths: list[Path]
    labels: np.ndarray  # int64 [N]
    _pixels: np.ndarray = field(init=False, repr=False)
    _decoded: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pixels = np.empty((len(self.paths), SIZE, SIZE, 3), np.uint8)  # takes memory only as it is filled
        self._decoded = np.zeros(len(self.paths), bool)

    def images(self, rows: np.ndarray | None = None) -> np.ndarray:
        """The images numbered `rows` (None: all, without a copy) as the probe sees them: uint8 [N, 64, 64, 3]."""
        wanted = np.arange(len(self.paths)) if rows is None else rows
        missing = wanted[~self._decoded[wanted]]
        self._pixels[missing] = decode([self.paths[i] for i in missing])
        self._decoded[missing] = True
        return self._pixels if rows is None else self._pixels[rows]


@dataclass
class Task:
    """Real labelled images: `train` to fit probes on, `val` to measure them on, always whole."""

    name: str
    classes: list[str]
    train: Split
    val: Split
    sha256: str  # of the files' names and classes, to notice results about different images under one name


def load_task(root: Path | str, name: str | None = None) -> Task:
    """The task in `root`/train/<class>/ and `root`/val/<class>/; `name` defaults to the folder's.

    Raises UserError if a split is missing or empty, or if the two have different classes.
    """
    root = Path(root)
    train_paths, train_labels, classes = labelled_images(root, "train")
    val_paths, val_labels, val_classes = labelled_images(root, "val")
    if classes != val_classes:
        only = [f"{c!r} only in {split}" for split, have, lack in (("train", classes, val_classes),
                                                                   ("val", val_classes, classes))
                for c in have if c not in lack]
        raise UserError(f"{root}/train and {root}/val have different classes ({', '.join(only[:5])}"
                        f"{', ...' if len(only) > 5 else ''})")
    if len(classes) < 2:
        raise UserError(f"{root} has one class, {classes[0]!r}; a probe needs at least two")
    names = [path.relative_to(root).as_posix() for path in train_paths + val_paths]
    sha256 = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    train, val = Split(train_paths, train_labels), Split(val_paths, val_labels)
    return Task(name or root.resolve().name, classes, train, val, sha256)


@dataclass(frozen=True)
class Row:
    """A row of a table: a name, the features behind it, and the facts that identify these in a result."""

    name: str
    features: Features
    facts: dict[str, Any]


def _network_row(name: str, model: SmallAlexNet, layer: str, device: torch.device, **facts: Any) -> Row:
    dtype = choose_precision(device, "auto")
    width = round(model.blocks[5][1].out_features / 4096, 3)
    facts = {"layer": layer, "width": width, **facts, "precision": str(dtype).removeprefix("torch.")}
    return Row(name, encoder_features(model, layer, dtype), facts)


def encoder_row(path: Path | str, device: torch.device, layer: str = "fc6", name: str | None = None) -> Row:
    """The encoder file `path`. The name defaults to the file's, or to its folder's for an `encoder.pth`.

    Raises UserError for a file that is no encoder or a layer that is not there.
    """
    path = Path(path)
    model = load_encoder(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    default = path.resolve().parent.name if path.name == "encoder.pth" else path.stem
    return _network_row(name or default, model, layer, device, kind="encoder", encoder_sha256=sha256)


def random_row(seed: int, device: torch.device, layer: str = "fc6", width: float = 1.0) -> Row:
    """An encoder that was never trained, with the weights of `seed`."""
    return _network_row(RANDOM_INIT, random_encoder(seed, width), layer, device, kind="random_init", init_seed=seed)


def baseline_row(name: str) -> Row:
    """A row without a network, one of `baselines.BASELINES`."""
    return Row(name, BASELINES[name], {"kind": "baseline"})


def balanced_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of the training images whose first N are what `--train-limit N` takes: int64 [len(labels)].

    Images of each class are shuffled and dealt out round by round, classes in a random order within a round. So the
    first N hold every class equally often (as far as the class has images), and a smaller N is part of a larger.
    """
    order = permutation(stable_key("train limit", seed), 0, len(labels))
    round_of = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        round_of[members] = np.arange(len(members))
    return order[np.argsort(round_of[order], kind="stable")]


def identity(task: Task, row: Row, protocol: str, train_limit: int | None, seed: int) -> dict[str, Any]:
    """The part of a result that is known before the work: everything that decides the rest, and nothing else.

    Raises UserError for a limit above the number of training images, or for fewer images than classes.
    """
    available, classes = len(task.train.paths), len(task.classes)
    if train_limit is not None and train_limit > available:
        raise UserError(f"--train-limit {train_limit} is more than the {available} training images of {task.name}")
    count = available if train_limit is None else train_limit
    if count < classes:
        raise UserError(f"{count} training images for the {classes} classes of {task.name}: take at least one a class")
    counts = {"train": count, "train_available": available, "val": len(task.val.paths), "classes": classes}
    return {"encoder": row.name, **row.facts, "task": task.name, "task_sha256": task.sha256, "protocol": protocol,
            "seed": seed, "counts": counts}


def finished(path: Path, expected: dict[str, Any]) -> dict[str, Any] | None:
    """The result in `path`, None if there is none yet.

    Raises UserError naming what differs from `expected` (`identity` or a part of it) if the file holds something else.
    """
    if not path.exists():
        return None
    found = read_json(path)
    if not isinstance(found, dict) or "accuracy" not in found:
        raise UserError(f"{path} is not a result of linear_eval; choose another --output")
    kept = expected.keys() - {"precision"}  # which follows the machine, not the command
    if said := changes({key: found.get(key) for key in kept}, {key: expected[key] for key in kept}):
        raise UserError(f"{path} holds another result ({said}); choose another --output, or delete it")
    return found


def evaluate(task: Task, row: Row, *, device: torch.device, protocol: str = "cached",
             train_limits: Sequence[int | None] = (None,), seed: int = 0) -> list[dict[str, Any]]:
    """Probe `row` on `task` with each number of training images (None: all): one result for each.

    A result is `identity` with `accuracy` (top-1 on the whole validation set, in percent), its binomial
    `standard_error`, `correct`, what the probe settled on, and the environment. `seed` decides which training images a
    limit takes, the split the regularisation is chosen on, and everything random in protocol `paper`.
    """
    results = [identity(task, row, protocol, limit, seed) for limit in train_limits]
    order = balanced_order(task.train.labels, seed)
    val_features = extract(row.features, task.val.images(), device)
    if protocol == "cached":
        largest = max(result["counts"]["train"] for result in results)
        extracted = None if largest == len(order) else np.sort(order[:largest])
        train_features = extract(row.features, task.train.images(extracted), device)
    for result in results:
        count = result["counts"]["train"]
        rows = np.sort(order[:count])
        labels = task.train.labels[rows]
        if protocol == "cached":
            within = rows if extracted is None else np.searchsorted(extracted, rows)
            x = train_features if count == largest else train_features[torch.from_numpy(within).to(device)]
            probe = fit_probe(x, torch.from_numpy(labels).to(device), len(task.classes), seed)
            predicted = probe.predict(val_features)
            settled = {"l2": probe.l2, "path": list(probe.path)}
        else:
            task.train.images(rows)  # a corrupt file ends this now and not in the third hour
            linear = train_linear(row.features, [task.train.paths[i] for i in rows], labels, len(task.classes), seed,
                                  device, workers=min(8, usable_cpus()))
            predicted = linear(val_features).argmax(1)
            settled = {"optimizer": "Adam", "lr": LEARNING_RATE, "betas": list(BETAS), "epochs": EPOCHS,
                       "batch_size": BATCH_SIZE, "decay": DECAY, "decay_at": list(DECAY_AT)}
        correct = int((predicted.cpu().numpy() == task.val.labels).sum())
        result |= _accuracy(correct, len(task.val.labels))
        result |= {"probe": settled, "environment": environment(device=describe(device))}
    return results


def _accuracy(correct: int, count: int) -> dict[str, float]:
    share = correct / count
    return {"accuracy": round(100 * share, 4), "standard_error": round(100 * math.sqrt(share * (1 - share) / count), 4),
            "correct": correct}
