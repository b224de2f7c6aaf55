"""What processes built on torch share: a device, one thread, and blocks of images that are always computed together.

Floating-point kernels round differently for another batch or another number of threads. So such a process computes
fixed, aligned blocks, with one thread each (workers are processes), and a request renders the blocks that it touches.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from generators.process import option
from utils.cli import UserError
from utils.devices import choose_device, choose_precision

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "bfloat16", "float32")


class BlockProcess:
    """What a process inherits that computes blocks of images on a device. Its fields must be hashable."""

    block: int  # images computed together
    resolution: int
    device: str

    def render_block(self, number: int) -> torch.Tensor:
        """Images number * block .. (number + 1) * block - 1: uint8 [block, H, W, 3], on the device of the process."""
        raise NotImplementedError

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        return self.render_on_device(indices).cpu().numpy()

    def render_on_device(self, indices: Sequence[int]) -> torch.Tensor:
        """The same images as a tensor on the device of the process."""
        images = [_rendered(self, int(index) // self.block)[int(index) % self.block] for index in indices]
        size = self.resolution
        return torch.stack(images) if images else torch.empty(0, size, size, 3, dtype=torch.uint8, device=self.device)


def device_option() -> Any:
    """The field `device`. It changes no random number, but stands in the record, as GPUs round differently."""
    return option("auto", "where to compute; auto takes a GPU where there is one", DEVICES, seeds=False)


def settle_device(process: Any) -> None:
    """For `__post_init__`: replace 'auto' by what is there. Raises UserError for 'cuda' without a GPU."""
    if process.device == "cuda" and not torch.cuda.is_available():
        raise UserError("this machine has no CUDA GPU; pass --device cpu")
    if process.device == "auto":
        object.__setattr__(process, "device", choose_device(None).type)  # the way around frozen, before anyone looks


def precision_option() -> Any:
    """The field `precision`. Like the device it changes no random number, but stands in the record."""
    return option("auto", "precision of the network; auto: bfloat16 in hardware that has it", PRECISIONS, seeds=False)


def settle_precision(process: Any) -> None:
    """For `__post_init__`, after `settle_device`: replace 'auto' by 'bfloat16' or 'float32'."""
    precision = choose_precision(torch.device(process.device), process.precision)
    object.__setattr__(process, "precision", str(precision).removeprefix("torch."))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch with one thread and without gradients, and then as before: both in this thread of Python only, but a
    thread that first computes meanwhile computes with one, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(maxsize=2)  # the next request often begins in the block where the last one ended
def _rendered(process: BlockProcess, number: int) -> torch.Tensor:
    if process.device == "cuda":
        # Convolutions that always sum in one order. The flag is the whole program's, and others may compute beside us:
        # so it stays as it is set here.
        torch.backends.cudnn.deterministic = True
    with one_thread():
        return process.render_block(number)
