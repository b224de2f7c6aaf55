"""The process g from latents to observations: an injective network with random weights, as in the paper's code.

Three square linear maps without bias, an activation between them and none at the end. Each matrix has entries uniform
in [-1, 1] and columns of length 1, and is drawn again until its condition number is below the smallest of 25,000 draws.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from utils.cli import UserError
from utils.seeding import generator, stable_key

ACTIVATIONS = {  # all but relu can be inverted
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "smooth_leaky_relu": lambda x: 0.2 * x + 0.8 * F.softplus(x),
    "elu": F.elu,
    "softplus": F.softplus,
    "relu": F.relu,
}
WEIGHTS = ("uniform", "orthogonal")
DRAWS = 25_000  # matrices whose smallest condition number is the bound
TOGETHER = 5_000  # matrices drawn at a time
PATIENCE = 400  # times TOGETHER, until drawing is given up


def _columns_of_length_1(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    matrices = rng.uniform(-1, 1, (count, dim, dim))
    return matrices / np.linalg.norm(matrices, axis=1, keepdims=True)


@lru_cache(maxsize=8)
def mixing_matrices(dim: int, layers: int, weights: str, seed: int) -> np.ndarray:
    """The matrices of the layers, float64 [layers, dim, dim]; a layer is x -> A x. Raises UserError for sizes and names
    that cannot be."""
    if dim < 1 or layers < 1 or weights not in WEIGHTS:
        raise UserError(f"a mixing needs at least 1 dimension and 1 layer, and weights {' or '.join(WEIGHTS)}; not "
                        f"{dim}, {layers} and {weights}")
    rng = generator(stable_key("mixing", dim, layers, weights), seed % 2**64)
    if weights == "orthogonal":
        q, r = np.linalg.qr(rng.standard_normal((layers, dim, dim)))
        return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]  # uniform over rotations and reflections
    bound = min(np.linalg.cond(_columns_of_length_1(rng, TOGETHER, dim)).min() for _ in range(DRAWS // TOGETHER))
    chosen: list[np.ndarray] = []
    for _ in range(PATIENCE * layers):
        drawn = _columns_of_length_1(rng, TOGETHER, dim)
        better = drawn[np.linalg.cond(drawn) <= bound]  # 1 is reached, not passed, in one dimension
        chosen += list(better)[: layers - len(chosen)]
        if len(chosen) == layers:
            return np.stack(chosen)
    raise UserError(f"no {layers} matrices of {dim} dimensions with a condition number below {bound:.3g} were found; "
                    "choose another --seed")


class Mixing:
    """g: latents float32 [N, dim] -> observations [N, dim], a function of the seed. Raises UserError
    (`mixing_matrices`), and for an activation that is not among ACTIVATIONS."""

    def __init__(self, dim: int, layers: int = 3, activation: str = "leaky_relu", weights: str = "uniform",
                 seed: int = 0, device: torch.device | str = "cpu"):
        if activation not in ACTIVATIONS:
            raise UserError(f"there is no activation called {activation!r}; the names are {', '.join(ACTIVATIONS)}")
        self.activation = ACTIVATIONS[activation]
        matrices = mixing_matrices(dim, layers, weights, seed).astype(np.float32)
        self.matrices = [torch.from_numpy(matrix).to(device) for matrix in matrices]

    def __call__(self, z: Tensor) -> Tensor:
        for matrix in self.matrices[:-1]:
            z = self.activation(z @ matrix.T)
        return z @ self.matrices[-1].T
