"""Coherence: whether two random views of one image are more alike than views of two images.

The contrastive task itself, before training. The paper asks that views of an image be close to each other and far from
those of others; that this is a share of comparisons won, in an encoder's features, is ours.
"""

import numpy as np
import torch

from analysis.feature_space import FeatureSpace
from datasets.views.batched import make_views
from datasets.views.parameters import draw_parameters

IMAGES = 200  # at most: each view is compared with a view of every other image


def views(images: np.ndarray, view: int) -> np.ndarray:
    """Random view 0 or 1 of each image, as in training: float32 [N, P, P, 3] in 0..255 from uint8 [N, P, P, 3]."""
    size = images.shape[1]
    parameters = draw_parameters(0, 0, view, np.arange(len(images)), size, size)
    made = make_views(torch.from_numpy(images), parameters, size, (0.0,) * 3, (1.0,) * 3)
    return (255 * made.permute(0, 2, 3, 1)).contiguous().numpy()


def coherence(images: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """For each of the first IMAGES, the share of the others whose second view is less like its first view than its own
    second view is: float64 [N]; 0.5 is chance. images: uint8 [M, P, P, 3]."""
    images = images[:IMAGES]
    return wins(*(space(views(images, view), "views") for view in (0, 1)))


def wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each row of `first`, the share of other rows of `second` whose cosine with it is below that of its own row;
    equal counts half. float64 [N] from float32 [N, D], both; their common mean is taken off first."""
    mean = np.concatenate([first, second]).mean(0)
    first, second = (side - mean for side in (first, second))
    first, second = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in (first, second))
    cosine = first.astype(np.float64) @ second.T
    own = np.diag(cosine)[:, None]
    won = (cosine < own) + 0.5 * (cosine == own)
    np.fill_diagonal(won, 0)
    return won.sum(1) / (len(won) - 1)
