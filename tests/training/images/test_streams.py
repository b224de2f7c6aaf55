"""Images by stream: the pixels of exactly the images asked for, however they are made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from generators.named import make_process
from training.distributed import ALONE, Processes
from training.images.order import Order
from training.images.streams import PackedImages, RenderedImages
from utils.cli import UserError


@dataclass(frozen=True)
class Numbers:
    """Image i is i, in every pixel; made in blocks."""

    resolution: int = 2
    seed: int = 0
    block: int = 1

    def render(self, indices: Sequence[int]) -> np.ndarray:
        assert all(index % self.block == place % self.block for place, index in enumerate(indices)), "no whole blocks"
        return np.repeat(np.array(indices, np.uint8), 12).reshape(-1, 2, 2, 3)


class InThisProcess(RenderedImages):
    """As on a GPU: without workers."""

    def _made_by(self, pool, parts):
        return map(self.process.render, parts)


def batches(order: Order, steps: int, processes: Processes = ALONE) -> list[np.ndarray]:
    return [processes.share(order.batch(step)[1]) for step in range(steps)]


@pytest.mark.parametrize("processes", [ALONE, Processes(0, 3), Processes(2, 3)])
@pytest.mark.parametrize(("count", "batch_size", "block"), [(60, 7, 1), (60, 7, 4), (61, 7, 4), (8, 8, 4), (9, 9, 1)])
def test_the_stream_holds_what_was_asked_for(count, batch_size, block, processes):
    images = InThisProcess(Numbers(block=block), count, endless=False)
    asked = batches(Order(count, batch_size, 0, block), 4 * math.ceil(count / batch_size), processes)
    given = list(images.stream(iter(asked)))
    assert [pixels[:, 0, 0, 0].tolist() for pixels in given] == [indices.tolist() for indices in asked]
    assert {(pixels.dtype, tuple(pixels.shape[1:])) for pixels in given} == {(torch.uint8, (2, 2, 3))}


def test_a_block_is_made_once_and_little_waits():
    """On average half of a block waits, over as many batches as it has images: 3.5 batches, and 8 of one."""
    plan = list(InThisProcess(Numbers(block=8), 800, endless=False)._plan(batches(Order(800, 8, 0, together=8), 100)))
    assert sum(len(part) for _, parts, _ in plan for part in parts) == 800 + 7 * 8  # the first ones again at the end
    waiting = np.cumsum([len(kept) - len(indices) for indices, _, kept in plan])
    assert waiting.max() == 28 and waiting[-1] == 0


def test_what_no_one_asks_for_is_not_kept():
    """One of many processes uses one image of a block, the others the rest."""
    asked = [np.array([first]) for first in range(0, 80, 8)]
    for indices, parts, kept in InThisProcess(Numbers(block=8), 80, endless=False)._plan(asked):
        assert kept == set(indices) and len(parts) == 1 and len(parts[0]) == 8


@pytest.mark.parametrize(("name", "workers"), [("dead_leaves-mixed", 2), ("stylegan-oriented", 1),
                                               pytest.param("stat-spectrum_color", 2, marks=pytest.mark.slow)])
def test_worker_processes_make_the_images_of_the_folder(name, workers):
    process = make_process(name, 32, **({} if name.startswith("dead") else {"device": "cpu"}))
    images = RenderedImages(process, 48, False, workers)
    asked = batches(Order(48, 12, 0, images.together), 4)
    expected = torch.from_numpy(process.render(range(48)))
    for indices, pixels in zip(asked, images.stream(iter(asked)), strict=True):
        assert torch.equal(pixels, expected[torch.from_numpy(indices)])
    assert np.array_equal(images.examples(), expected[:8])


def test_packed_images():
    array = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3), dtype=np.uint8)
    images = PackedImages(array)
    assert (images.count, images.height, images.width, str(images)) == (30, 4, 5, "30 images of 5×4")
    asked = batches(Order(30, 7, 0), 9)
    for indices, pixels in zip(asked, images.stream(iter(asked)), strict=True):
        assert np.array_equal(pixels, array[indices])


@pytest.mark.gpu
def test_packed_images_on_a_gpu():
    array = np.random.default_rng(0).integers(0, 256, (3000, 4, 5, 3), dtype=np.uint8)
    images = PackedImages(array, torch.device("cuda"))
    (pixels,) = images.stream(iter([np.array([5, 2999, 0])]))
    assert pixels.is_cuda and np.array_equal(pixels.cpu(), array[[5, 2999, 0]])


@pytest.mark.gpu
def test_a_torch_process_renders_on_the_gpu():
    process = make_process("stat-spectrum_color", 32, device="cuda")
    images = RenderedImages(process, 80, endless=False)
    asked = batches(Order(80, 16, 0, images.together), 5)
    for indices, pixels in zip(asked, images.stream(iter(asked)), strict=True):
        assert pixels.is_cuda and torch.equal(pixels, process.render_on_device(indices.tolist()))


@pytest.mark.parametrize("on_device", [True, False])
def test_a_process_of_ones_own_that_returns_another_thing_is_told_so(on_device, monkeypatch):
    class Floats(Numbers):
        device = "cuda"

        def render(self, indices):
            return super().render(indices) / 255

    if on_device:
        monkeypatch.setattr(Floats, "render_on_device", lambda self, indices: torch.zeros(8, 2, 2, 3), raising=False)
    with pytest.raises(UserError, match=r"^Floats must render a .* uint8 \[8, 2, 2, 3\], but gives a .* float"):
        RenderedImages(Floats(), 8, endless=False)._on_device(list(range(8)))
