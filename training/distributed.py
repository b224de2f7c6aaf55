"""Several processes that train one encoder, each on its share of every batch (torchrun, DistributedDataParallel).

    torchrun --standalone --nproc-per-node=2 -m train_align_uniform --data DIR --output DIR

Every process gathers the embeddings of the whole batch and computes the whole loss from them. The backward pass of the
gather adds up what the processes ask of an embedding, which is its gradient once for each of them, and DDP divides by
their number: the gradient is that of one process, for any loss and for shares of unequal size.

Every few steps the processes agree whether one of them was told to stop, so that all stop at the same step. An error in
one (a worker that was killed, a full disk) ends it, and the others when its connection breaks, with a line each.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from utils.cli import UserError
from utils.run_folder import changes

LONGEST_WORK = timedelta(hours=2)  # that one process does while the others wait for it


class _Gather(torch.autograd.Function):
    """This process's rows to all rows, in order of rank."""

    @staticmethod
    def forward(context, rows: Tensor, sizes: list[int]) -> Tensor:
        context.sizes = sizes
        longest = max(sizes)  # shares differ by one row at most, and collectives want equal ones
        padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])])
        everyones = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(everyones, padded)
        return torch.cat([part[:size] for part, size in zip(everyones, sizes, strict=True)])

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None]:
        summed = gradient.clone(memory_format=torch.contiguous_format)  # autograd may use it elsewhere, too
        dist.all_reduce(summed)
        return summed.split(context.sizes)[dist.get_rank()], None


@dataclass(frozen=True)
class Processes:
    """This process's rank, and how many processes there are; one by default."""

    rank: int = 0
    count: int = 1
    words: dist.ProcessGroup | None = None  # for what they say to each other, on the CPU, beside tensors on GPUs

    @classmethod
    @contextlib.contextmanager
    def join(cls, device: torch.device) -> Iterator["Processes"]:
        """Meet the others if torchrun (or a scheduler that sets the same variables) started several.

        Raises UserError for variables that make no sense, where they do not meet, and if one of them ends meanwhile.
        """
        if not started_together():
            yield cls()
            return
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            try:
                yield cls(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo", timeout=LONGEST_WORK))
            finally:
                dist.destroy_process_group()
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and "gloo" not in str(error):
                raise
            raise UserError(f"the connection to another process was lost, or never made; see what that process says "
                            f"({' '.join(str(error).split())[:160]}). The same command goes on") from None

    def share(self, indices: np.ndarray) -> np.ndarray:
        """This process's part of a batch; parts differ by one at most."""
        return np.array_split(indices, self.count)[self.rank]

    def gather(self, rows: Tensor, batch: int) -> Tensor:
        """All `batch` rows of the batch, [batch, D], from this process's share of them; differentiable."""
        if self.count == 1:
            return rows
        return _Gather.apply(rows, [len(part) for part in np.array_split(np.empty(batch), self.count)])

    def most(self, number: float) -> float:
        """The largest `number` of all processes; the same answer in all, once all are here."""
        largest = torch.tensor(number, dtype=torch.float64)
        if self.count > 1:
            dist.all_reduce(largest, dist.ReduceOp.MAX, group=self.words)
        return largest.item()

    def agree(self, stop: bool = False, problem: Exception | None = None) -> bool:
        """Whether any process wants to stop (`most`).

        Raises `problem`, and in the other processes UserError: an error in one ends all.
        """
        try:
            worst = self.most(2 if problem else int(stop))
        finally:
            if problem:
                raise problem
        if worst == 2:
            raise UserError("another process ended with an error; see what it says. The same command goes on")
        return worst == 1

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """If the block raises in one process, all of them end (`agree`). Nothing in the block may wait for another
        process."""
        try:
            yield
        except Exception as problem:
            self.agree(problem=problem)
        else:
            self.agree()

    def require_same(self, facts: dict[str, Any], what: str) -> None:
        """Raises UserError in all processes if `facts`, which can be pickled, are not the same in all."""
        if self.count == 1:
            return
        everyones: list[dict[str, Any]] = [{} for _ in range(self.count)]
        dist.all_gather_object(everyones, facts, group=self.words)
        for rank, others in enumerate(everyones):
            if said := changes(everyones[0], others):
                raise UserError(f"{what} must be the same in all processes; between process 0 and {rank}, {said}")


ALONE = Processes()


def from_environment(name: str, least: int, below: int | None = None) -> int:
    """A number that torchrun sets. Raises UserError unless it is there, at least `least`, and below `below`."""
    text = os.environ.get(name, "")
    if not text.isdecimal() or int(text) < least or (below is not None and int(text) >= below):
        limit = "" if below is None else f" and below {below}"
        raise UserError(f"{name} must be a whole number from {least} on{limit}, not {text!r}: start with torchrun, "
                        "which sets it, or unset WORLD_SIZE to train in one process")
    return int(text)


def started_together() -> bool:
    """Whether torchrun (or a scheduler that sets the same variables) started this process as one of several.

    Raises UserError for variables that make no sense.
    """
    if "WORLD_SIZE" not in os.environ or from_environment("WORLD_SIZE", 1) == 1:
        return False
    from_environment("RANK", 0, from_environment("WORLD_SIZE", 1))
    from_environment("LOCAL_RANK", 0, from_environment("LOCAL_WORLD_SIZE", 1))
    from_environment("MASTER_PORT", 1, 1 << 16)
    if not os.environ.get("MASTER_ADDR"):
        raise UserError("MASTER_ADDR is not set though WORLD_SIZE is: start with torchrun, which sets it, or unset "
                        "WORLD_SIZE to train in one process")
    return True


def processes_here() -> int:
    """How many processes torchrun started on this machine, 1 without it."""
    return from_environment("LOCAL_WORLD_SIZE", 1) if started_together() else 1


def gpus_of_process(gpus: list[int] | None) -> list[int] | None:
    """The GPU of this process where several train: number LOCAL_RANK of `gpus`, or of all that are there (None).

    An empty list stays empty: the CPU. Raises UserError for fewer GPUs than processes on this machine.
    """
    if not started_together() or gpus == []:
        return gpus
    gpus = list(range(torch.cuda.device_count())) if gpus is None else gpus
    local, here = from_environment("LOCAL_RANK", 0), processes_here()
    if not gpus:
        return []
    if here > len(gpus):
        raise UserError(f"{here} processes on this machine but {len(gpus)} GPUs; start as many as there are GPUs, or "
                        "pass --gpus without numbers to train on the CPU")
    torch.cuda.set_device(gpus[local])
    return [gpus[local]]
