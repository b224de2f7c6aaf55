"""Views of one image against views of others: a plain loop, and sets where the answer is known."""

import numpy as np
import pytest
import torch

from analysis.feature_space import FeatureSpace
from analysis.measures.coherence import coherence, views, wins
from linear_eval.features.rows import Row


def test_wins_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(7, 5)).astype(np.float32) for _ in range(2))
    mean = np.concatenate([first, second]).mean(0)

    def cosine(a, b):
        a, b = a - mean, b - mean
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    expected = [np.mean([cosine(first[i], second[j]) < cosine(first[i], second[i]) for j in range(7) if j != i])
                for i in range(7)]
    assert wins(first, second) == pytest.approx(expected)


def colours(images: torch.Tensor) -> torch.Tensor:
    images = images.float()
    return torch.cat([images.mean((1, 2)), images.std((1, 2))], 1)


@pytest.fixture
def space() -> FeatureSpace:
    return FeatureSpace(Row("colours", colours, {}), torch.device("cpu"))


def test_known_answers(space):
    rng = np.random.default_rng(0)
    one = np.repeat(rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8), 60, axis=0)
    found = coherence(one, space)  # the views of all images have one law
    assert found.mean() == pytest.approx(0.5, abs=4 * found.std() / np.sqrt(60) + 0.01)
    features = rng.normal(size=(60, 8)).astype(np.float32)
    assert (wins(features, features + 1e-3) == 1).all()  # views that an encoder does not tell apart
    assert wins(features, rng.permutation(features)).mean() == pytest.approx(0.5, abs=0.15)


def test_views_are_of_the_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    found = views(images, 0)
    assert found.shape == (3, 64, 64, 3) and found.dtype == np.float32 and found.min() >= 0 and found.max() <= 255
    assert (found == views(images, 0)).all() and (found != views(images, 1)).any()
