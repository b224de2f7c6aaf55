"""What processes built on torch share."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from generators.torch_process import BlockProcess


def flags() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return cudnn.enabled, cudnn.benchmark, cudnn.deterministic


@dataclass(frozen=True)
class Numbers(BlockProcess):
    """Image i is i in every pixel; calls a function while it computes a block."""

    during: Callable[[int], object] = field(default=lambda number: None)
    block: int = 4
    resolution: int = 2
    device: str = "cpu"

    def render_block(self, number):
        self.during(number)
        first = number * self.block
        return torch.arange(first, first + self.block, dtype=torch.uint8).repeat_interleave(12).view(-1, 2, 2, 3)


def test_two_doors_to_the_same_images():
    process = Numbers()
    array, tensor = process.render([9, 2, 3]), process.render_on_device([9, 2, 3])
    assert isinstance(array, np.ndarray) and array.dtype == np.uint8 and array[:, 0, 0, 0].tolist() == [9, 2, 3]
    assert torch.equal(torch.from_numpy(array), tensor)
    assert process.render([]).shape == (0, 2, 2, 3) and process.render([]).dtype == np.uint8


def test_blocks_are_computed_whole_and_once():
    numbers = []
    Numbers(numbers.append).render([5, 6, 0, 7])
    assert numbers == [1, 0]


@pytest.fixture
def as_before():
    """Leaves cuDNN's flags as they were."""
    before = flags()
    with torch.backends.cudnn.flags(*before[:2], deterministic=False):
        yield


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_flags_of_the_whole_program_do_not_change_to_and_fro(as_before, device):
    """Training may go on in another thread meanwhile."""
    seen = []
    process = Numbers(lambda number: seen.append(flags()), device=device)
    process.render([0, 4, 8, 12])
    assert set(seen) == {flags()} and len(seen) == 4
    assert flags()[2] == (device == "cuda")  # the same bytes each time


def test_one_thread_and_no_gradients_meanwhile():
    torch.set_num_threads(2)
    try:
        seen = []
        Numbers(lambda number: seen.append((torch.get_num_threads(), torch.is_grad_enabled()))).render([0])
        assert seen == [(1, False)] and (torch.get_num_threads(), torch.is_grad_enabled()) == (2, True)
    finally:
        torch.set_num_threads(1)
