"""The result of probing a row with a task.

In a study, load the task once: images are decoded once, and each encoder's features computed once for all train sizes.

    task = load_task("data/cifar10")
    row = encoder_row("encoders/small_scale/stat-spectrum/encoder.pth", device)
    results = evaluate(task, row, train_limits=[5000, 50000], device=device)
"""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linear_eval.features.extract import CODE, extract
from linear_eval.features.rows import Row
from linear_eval.probes.protocols import PROTOCOLS, Classify, Problem
from linear_eval.results import check
from linear_eval.task import Task
from utils.cli import UserError
from utils.devices import describe
from utils.files import read_json
from utils.run_folder import changes, environment
from utils.seeding import stable_key


def identity(task: Task, row: Row, protocol: str, train_limit: int | None, seed: int) -> dict[str, Any]:
    """The part of a result that is known before the work: everything that decides the rest, and nothing else.

    Raises UserError for a limit above the number of training images, for fewer images than classes, or for a row that
    the protocol is not defined for.
    """
    available, classes = len(task.train), len(task.classes)
    if train_limit is not None and train_limit > available:
        raise UserError(f"--train-limit {train_limit} is more than the {available} training images of {task.name}")
    count = available if train_limit is None else train_limit
    if count < classes:
        raise UserError(f"{count} training images for the {classes} classes of {task.name}: take at least one a class")
    task.train.check(row, protocol)
    PROTOCOLS[protocol].check(row)
    counts = {"train": count, "train_available": available, "val": len(task.val), "classes": classes}
    selection = task.selection
    if count == available and selection != "given list":
        selection = "all"
    elif count < available and selection == "given list":
        selection = "part of given list"
    return {"encoder": row.name, **row.facts, "view": task.train.seen(row.view), "task": task.name,
            "task_sha256": task.sha256, "contents_sha256": task.contents_sha256, "task_complete": task.complete,
            "protocol": protocol, "seed": seed, "selection": selection, "counts": counts}


def finished(path: Path, expected: dict[str, Any]) -> dict[str, Any] | None:
    """The result in `path`, None if there is none yet.

    Raises UserError if the file is no result, and naming what differs from `expected` (`identity`) if it is another.
    """
    if not path.exists():
        return None
    found = read_json(path)
    check(found, path)
    if said := changes({key: found.get(key) for key in expected}, expected):
        raise UserError(f"{path} holds another result ({said}); choose another --output, or delete it")
    return found


def evaluate(task: Task, row: Row, *, device: torch.device, protocol: str = "cached",
             train_limits: Sequence[int | None] = (None,), seed: int = 0, cache: Path | None = None,
             also: Callable[[Classify], dict[str, Any]] = lambda classify: {}) -> list[dict[str, Any]]:
    """Probe `row` on `task` with each number of training images (None: all): one result for each.

    A result is `identity` with the task's `family`, `accuracy` (top-1 on the whole validation set, in percent), its
    binomial `standard_error`, `correct`, what the probe settled on, and the environment. `seed` decides which training
    images a limit takes, the split the regularisation is chosen on, and everything random in protocol `paper`.
    Features, and what a long fit goes on from, are kept in the folder `cache`, if there is one. `also` measures more
    with the fitted probe; what it returns goes into the result.
    """
    results = [{**identity(task, row, protocol, limit, seed), "family": task.family} for limit in train_limits]
    order = task.order(seed)
    chosen = np.sort(order[: max(result["counts"]["train"] for result in results)])
    queries = extract(row, task.val, device, cache=cache)

    @functools.cache
    def features() -> Tensor:
        return extract(row, task.train, device, chosen, cache)

    for result in results:
        rows = np.sort(order[: result["counts"]["train"]])
        within = torch.from_numpy(np.searchsorted(chosen, rows)).to(device)
        labels = torch.from_numpy(task.train.labels[rows]).to(device)
        paths = [task.train.paths[i] for i in rows] if task.train.paths else []
        problem = Problem(row, paths, labels, len(task.classes),
                          lambda within=within: (features() if len(within) == len(chosen) else
                                                 features()[within.to(features().device)]),
                          seed, device, cache and cache / f"{stable_key(result, CODE):016x}.pth")
        classify, settled = PROTOCOLS[protocol].fit(problem)
        result |= accuracy(classify(queries), task.val.labels)
        result |= {"probe": settled, "environment": environment(device=describe(device)), **also(classify)}
    return results


def accuracy(predicted: Tensor, labels: np.ndarray) -> dict[str, float]:
    """Of predicted classes, int64 [N]: in percent, with its standard error, and the number that are right."""
    correct, count = int((predicted.cpu().numpy() == labels).sum()), len(labels)
    share = correct / count
    return {"accuracy": round(100 * share, 4), "standard_error": round(100 * math.sqrt(share * (1 - share) / count), 4),
            "correct": correct}
