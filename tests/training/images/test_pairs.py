"""Pairs of views: every image once an epoch, a function of seed and step, and no images that teach nothing."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from models import SmallAlexNet
from tests.files import user_error
from training.distributed import Processes
from training.images.pairs import Pairs
from training.images.streams import PackedImages
from training.options import TrainingOptions

OPTIONS = TrainingOptions(batch_size=8, steps=7)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """22 images of coarse colour blocks: batches of 8, 8 and 6 make an epoch."""
    blocks = np.random.default_rng(0).integers(0, 256, (22, 5, 5, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(b).resize((40, 40), Image.Resampling.NEAREST)) for b in blocks])


def pairs(images: np.ndarray, processes: Processes = Processes(), half_size: float = 0.0,  # noqa: B008
          **changes: object) -> Pairs:
    options = dataclasses.replace(OPTIONS, **changes)
    return Pairs(PackedImages(images), options, SmallAlexNet, torch.device("cpu"), processes, half_size)


def test_views_are_a_function_of_seed_and_step(images):
    first, second, other = pairs(images), pairs(images), pairs(images, seed=1)
    in_order = [first.views(step) for step in range(7)]
    assert [(pair.epoch, pair.images) for pair in in_order] == [(0, 8), (0, 8), (0, 6), (1, 8), (1, 8), (1, 6), (2, 8)]
    for step in (6, 0, 3, 2):
        again = second.views(step)
        assert torch.equal(again.x, in_order[step].x) and torch.equal(again.y, in_order[step].y)
    x, y, *_ = in_order[0]
    assert x.shape == (8, 3, 64, 64) and x.dtype == torch.float32
    assert not torch.equal(x, y) and not torch.equal(x, other.views(0).x) and not torch.equal(x, in_order[3].x)


def test_views_are_of_half_the_side_at_first(images):
    small, full = pairs(images, half_size=0.5), pairs(images)
    assert [small.views(step).x.shape[2] for step in range(7)] == [32] * 4 + [64] * 3
    assert torch.equal(small.views(5).y, full.views(5).y)
    means = torch.nn.functional.avg_pool2d(full.views(0).x, 2)  # the same crop and colours, at half the resolution
    assert (small.views(0).x - means).abs().mean() < 0.1 * means.std()


def test_processes_share_the_views_of_one(images):
    whole = pairs(images).views(0)
    parts = [pairs(images, Processes(rank, 3)).views(0) for rank in range(3)]
    assert [len(part.x) for part in parts] == [3, 3, 2] and {part.images for part in parts} == {8}
    for view in (0, 1):
        assert torch.equal(torch.cat([part[view] for part in parts]), whole[view])


@pytest.mark.parametrize(("batch_size", "processes", "said"), [
    (1, 1, "at least 2"), (23, 1, "22 images are fewer than one batch of 23"), (7, 1, "a last batch of one image"),
    (3, 1, "a last batch of one image"), (8, 4, "fewer than two images for each of 4 processes")])
def test_sizes_that_cannot_be_trained_on(images, batch_size, processes, said):
    user_error(said, lambda: pairs(images, Processes(0, processes), batch_size=batch_size))


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda images: np.broadcast_to(images[:, :1, :1], images.shape), "of one colour, from which nothing"),
    (lambda images: np.broadcast_to(images[:1], images.shape), "one image many times, from which nothing"),
    (lambda images: np.clip(images[:1] // 2 + np.arange(len(images))[:, None, None, None] % 2, 0, 255).astype(np.uint8),
     "one image many times")])
def test_images_that_teach_nothing_are_refused(images, spoil, said):
    user_error(said, lambda: pairs(spoil(images)))
    mixed = spoil(images).copy()
    mixed[-1] = images[-1]  # one image that differs is enough
    pairs(mixed)
