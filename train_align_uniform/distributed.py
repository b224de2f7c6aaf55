"""Several processes that train one encoder, each on its share of every batch (torchrun, DistributedDataParallel).

    torchrun --standalone --nproc-per-node=2 -m train_align_uniform --data DIR --output DIR

Every process gathers the embeddings of the whole batch and computes the whole loss from them. The backward pass of the
gather adds up what the processes ask of an embedding, which is its gradient once for each of them, and DDP divides by
their number: the gradient is that of one process, for any loss and for shares of unequal size.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from utils.cli import UserError


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
        summed = gradient.contiguous()
        dist.all_reduce(summed)
        return summed.split(context.sizes)[dist.get_rank()], None


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is; one by default."""

    rank: int = 0
    count: int = 1

    @classmethod
    @contextlib.contextmanager
    def join(cls, device: torch.device) -> Iterator["Processes"]:
        """Meet the others if torchrun (or a scheduler that sets the same variables) started several."""
        if not started_together():
            yield cls()
            return
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield cls(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()

    def share(self, indices: np.ndarray) -> np.ndarray:
        """This process's part of a batch; parts differ by one at most."""
        return np.array_split(indices, self.count)[self.rank]

    def gather(self, rows: Tensor, batch: int) -> Tensor:
        """All `batch` rows of the batch, [batch, D], from this process's share of them; differentiable."""
        if self.count == 1:
            return rows
        return _Gather.apply(rows, [len(part) for part in np.array_split(np.empty(batch), self.count)])

    def any(self, value: bool) -> bool:
        """Whether `value` holds in any process; the same answer in all."""
        if self.count == 1:
            return value
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        flag = torch.tensor(float(value), device=device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()


ALONE = Processes()


def started_together() -> bool:
    """Whether torchrun started this process as one of several."""
    return "MASTER_ADDR" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first() -> bool:
    """Whether this is the first of the processes, or the only one; known before they meet."""
    return not started_together() or os.environ["RANK"] == "0"


def processes_here() -> int:
    """How many processes torchrun started on this machine, 1 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if started_together() else 1


def gpus_of_process(gpus: list[int] | None) -> list[int] | None:
    """Of several processes each takes one GPU: number LOCAL_RANK of `gpus`, or of all there are (None); none of none.

    Raises UserError for fewer GPUs than processes on this machine.
    """
    if not started_together() or gpus == []:
        return gpus
    gpus = list(range(torch.cuda.device_count())) if gpus is None else gpus
    local, here = int(os.environ["LOCAL_RANK"]), processes_here()
    if not gpus:
        return []
    if here > len(gpus):
        raise UserError(f"{here} processes on this machine but {len(gpus)} GPUs; start as many as there are GPUs, or "
                        "pass --gpus without numbers to train on the CPU")
    torch.cuda.set_device(gpus[local])
    return [gpus[local]]
