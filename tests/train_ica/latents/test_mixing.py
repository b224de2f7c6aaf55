"""The random network: its law, and that it can be inverted where it should be."""

import numpy as np
import pytest
import torch

from train_ica.latents import mixing
from train_ica.latents.mixing import ACTIVATIONS, Mixing, mixing_matrices
from utils.cli import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(mixing, "DRAWS", 1000)
    monkeypatch.setattr(mixing, "TOGETHER", 500)
    mixing_matrices.cache_clear()
    yield
    mixing_matrices.cache_clear()


def inverse(function, y: torch.Tensor) -> torch.Tensor:
    """x with function(x) = y, of a rising function, by bisection."""
    low, high = torch.full_like(y, -1e3), torch.full_like(y, 1e3)
    for _ in range(200):
        middle = (low + high) / 2
        above = function(middle) > y
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return low


@pytest.mark.parametrize("weights", ["uniform", "orthogonal"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_is_injective_unless_relu(activation, weights):
    g = Mixing(4, 3, activation, weights, seed=1)
    g.matrices = [matrix.double() for matrix in g.matrices]
    z = torch.rand(200, 4, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    y = g(z)
    for k, matrix in enumerate(reversed(g.matrices)):
        y = torch.linalg.solve(matrix, y.T).T
        if k < 2:
            y = inverse(g.activation, y)
    assert ((y - z).abs().max() < 1e-6) == (activation != "relu")


def test_matrices_are_better_than_the_best_of_many():
    matrices = mixing_matrices(5, 3, "uniform", 0)
    assert matrices.shape == (3, 5, 5)
    np.testing.assert_allclose(np.linalg.norm(matrices, axis=1), 1)
    others = np.random.default_rng(0).uniform(-1, 1, (1000, 5, 5))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.linalg.cond(matrices).max() < np.quantile(np.linalg.cond(others), 0.01)
    mixing_matrices.cache_clear()
    np.testing.assert_array_equal(mixing_matrices(5, 3, "uniform", 0), matrices)
    assert not np.array_equal(mixing_matrices(5, 3, "uniform", 1), matrices)


def test_orthogonal_matrices():
    for matrix in mixing_matrices(6, 2, "orthogonal", 3):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-12)


def test_one_dimension():
    np.testing.assert_allclose(np.abs(mixing_matrices(1, 3, "uniform", 0)), 1)


def test_what_cannot_be():
    with pytest.raises(UserError, match="no activation called 'tanh'"):
        Mixing(3, activation="tanh")
    for arguments in ((0, 3, "uniform", 0), (3, 0, "uniform", 0), (3, 3, "normal", 0)):
        with pytest.raises(UserError, match="at least 1 dimension"):
            mixing_matrices(*arguments)
