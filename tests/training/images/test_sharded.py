"""Shards as a source of images, alone and mixed: what was asked for, and each image as often as it should come."""

import argparse
import json

import numpy as np
import pytest
import torch

from datasets.image_folders.writer import write_image_folder
from datasets.shards.mixture import Mixture
from datasets.shards.read import decode, open_shards
from tests.datasets.image_folders.test_writer import Ramps
from tests.files import user_error
from training.images.order import Order
from training.images.sharded import MixedImages
from training.images.sources import find_source


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two sets of shards: images 0 .. 29, and 100 .. 119."""
    root = tmp_path_factory.mktemp("shards")
    for name, seed, count in (("a", 0, 30), ("b", 100, 20)):
        write_image_folder(Ramps(16, seed), root / name, count, name=name, image_format="tar")
    return root / "a", root / "b"


def source(data, **options):
    args = {"data": str(data), "mix": [], "weights": [], "epoch_length": None, "resize": None, "cache": None,
            "samples": None, "parameters": [], "workers": 1, "seed": 0, **options}
    facts, images = find_source(argparse.Namespace(**args), torch.device("cpu"))
    return facts, images()


def shown(images, batches):
    """The mean grey of each image of the stream."""
    return [pixels.float().mean((1, 2, 3)).round().int().tolist() for pixels in images.stream(iter(batches))]


def test_the_stream_holds_what_was_asked_for(folders, monkeypatch):
    monkeypatch.setattr("training.images.sharded.PART", 4)  # parts of workers; the last of a batch is smaller
    facts, images = source(folders[0])
    assert (images.count, images.height, images.endless) == (30, 16, False) and "30 images of 16×16 in 1" in str(images)
    assert tuple(facts["shape"]) == (30, 16, 16, 3) and facts["sets"][0]["record"]["name"] == "a"
    asked = [np.array([29, 0, 3, 17, 5, 6]), np.array([2])]
    assert shown(images, asked) == [indices.tolist() for indices in asked]
    assert len(images.examples()) == 30 and source(folders[0], resize=8)[1].width == 8
    assert json.dumps(facts) == json.dumps(source(folders[0])[0])


def test_a_mixture_shows_every_image_equally_often(folders):
    """By default; over 3 epochs of 40 of 50 images, in two batches each, without one image twice in an epoch."""
    _, images = source(folders[0], mix=[str(folders[1])], epoch_length=40)
    assert images.count == 40 and images.endless
    order = Order(images.count, 20, 0, endless=True)
    came = np.concatenate([images.numbers(order.batch(step)[1]) for step in range(5 * 2)])
    assert np.array_equal(np.bincount(came, minlength=50), np.full(50, 4))
    for epoch in came.reshape(5, 40):
        assert np.count_nonzero(epoch < 30) == 24
    assert (shown(images, [order.batch(1)[1]])[0]
            == [number if number < 30 else number + 70 for number in came[20:40].tolist()])


def test_weights_are_kept_to_an_image_over_any_number_of_epochs():
    mixture = Mixture([1000, 7, 300], [1, 0.1, 2.9], 137, seed=3)
    for epochs in (1, 2, 10):
        places = np.arange(epochs * 137)
        came = mixture.numbers(places)
        each = np.array([np.count_nonzero(came < 1000), np.count_nonzero((came >= 1000) & (came < 1007)),
                         np.count_nonzero(came >= 1007)])
        assert np.abs(each - epochs * 137 * np.array([0.25, 0.025, 0.725])).max() <= 1
        for low, high in ((0, 1000), (1000, 1007), (1007, 1307)):  # pass by pass
            counts = np.bincount(came[(came >= low) & (came < high)] - low, minlength=high - low)
            assert counts.max() - counts.min() <= 1
    part = np.random.default_rng(0).permutation(10 * 137)[:50]
    assert np.array_equal(mixture.numbers(part), came[part])
    assert not np.array_equal(Mixture([1000, 7, 300], [1, 0.1, 2.9], 137, 4).numbers(part), came[part])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, float("nan")], [1.0, -1.0]])
def test_weights_that_are_refused(weights):
    user_error("--weights takes a number above 0 for each of the 2 sets", Mixture, [5, 5], weights, 10, 0)


def test_sets_of_another_size(folders, tmp_path):
    write_image_folder(Ramps(24), tmp_path, 5, name="c", image_format="tar")
    shards = open_shards([folders[0], tmp_path])
    user_error(r"00000000.tar: 00000004.jpg is 24×24, and images before it are 16×16; pass --resize", decode,
               shards.places([0, 34]))
    user_error("is 24×24, and images before it are 16×16", source, folders[0], mix=[str(tmp_path)])
    mixed = MixedImages(shards, Mixture(shards.counts, [1, 1], 10, 0), 1, resize=16)
    assert mixed.examples().shape == (35, 16, 16, 3)
