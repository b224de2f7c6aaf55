"""The order of images: every one once an epoch, alone by seed and epoch, and blocks mixed as single images are."""

import math

import numpy as np
import pytest

from training.images.order import Order
from utils.seeding import permutation, stable_key


def epoch(order: Order, number: int) -> list[np.ndarray]:
    """Its batches."""
    steps = math.ceil(order.images / order.batch_size)
    batches = [order.batch(number * steps + step) for step in range(steps)]
    assert {batch[0] for batch in batches} == {number}
    return [batch[1] for batch in batches]


@pytest.mark.parametrize("together", [1, 4, 8])
@pytest.mark.parametrize("images", [96, 101])
def test_every_image_once_an_epoch(images, together):
    order = Order(images, 10, seed=0, together=together)
    batches = epoch(order, 3)
    assert [len(batch) for batch in batches] == [10] * (images // 10) + [images % 10]
    assert sorted(np.concatenate(batches)) == list(range(images))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(epoch(order, 4)))
    assert not np.array_equal(batches[0], Order(images, 10, 1, together).batch(30)[1])


@pytest.mark.parametrize("together", [1, 8])
def test_endless_images_never_come_twice(together):
    order = Order(96, 16, seed=0, together=together, endless=True)
    seen = np.concatenate([batch for number in range(5) for batch in epoch(order, number)])
    assert sorted(seen) == list(range(5 * 96)) and sorted(seen[96:192]) == list(range(96, 192))


def test_single_images_come_as_a_shuffled_folder():
    order = Order(50, 7, seed=3)
    assert np.array_equal(np.concatenate(epoch(order, 2)), permutation(stable_key("order", 3), 2, 50))


@pytest.mark.parametrize(("images", "batch_size", "together"), [(105_000, 768, 8), (10_000, 125, 8), (105_000, 768, 4)])
def test_no_batch_holds_two_images_of_a_block(images, batch_size, together):
    for batch in epoch(Order(images, batch_size, 0, together), 1):
        assert len(np.unique(batch // together)) == len(batch)


def test_blocks_come_back_within_as_many_batches_as_they_have_images():
    """So that their images need not be kept longer (but for those that come at both ends of an epoch)."""
    order = Order(8000, 64, 0, together=8)
    batches = epoch(order, 0)
    first = {}
    for step, batch in enumerate(batches):
        for block in batch // 8:
            first.setdefault(block, step)
    spans = [step - first[block] for step, batch in enumerate(batches) for block in batch // 8]
    assert np.mean(np.array(spans) < 8) > 0.94
