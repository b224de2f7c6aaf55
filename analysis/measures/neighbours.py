"""Nearest neighbours: precision and recall, density and coverage, and images that come twice.

* Precision: share of the set's features inside a ball around a real one that reaches its k-th neighbour; recall: the
  same with the sides exchanged (Kynkäänniemi et al., "Improved Precision and Recall", NeurIPS 2019, equation 1).
* Density and coverage: how many real balls hold a feature of the set, over k; share of real balls that hold one
  (Naeem et al., "Reliable Fidelity and Diversity Metrics", ICML 2020, equations 3 and 4).
"""

import numpy as np

K_PRECISION, K_DENSITY = 3, 5  # the papers'
COARSE = 16  # pixels a side at which images are first compared
SAME = 2.0  # root mean square difference, in levels of 255, up to which two images are one (two JPEGs of it differ so)
PART = 500  # rows at a time


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances: float32 [N, M] from [N, D] and [M, D]."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    centre = b.mean(0)  # fewer digits are lost
    a, b = a - centre, b - centre
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T
    return np.sqrt(squares.clip(min=0))


def radii(features: np.ndarray, k: int) -> np.ndarray:
    """Distance of each row to its k-th nearest other: float32 [N]."""
    among = distances(features, features)
    np.fill_diagonal(among, 0)
    return np.partition(among, k, axis=1)[:, k]


def precision_recall(fake: np.ndarray, real: np.ndarray, k: int = K_PRECISION) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row of `fake` [N, D] lies in a ball of `real` [M, D], and each of `real` in one of `fake`."""
    between = distances(fake, real)
    return (between <= radii(real, k)).any(1), (between <= radii(fake, k)[:, None]).any(0)


def density_coverage(fake: np.ndarray, real: np.ndarray, k: int = K_DENSITY) -> tuple[np.ndarray, np.ndarray]:
    """Balls of `real` [M, D] that hold each row of `fake` [N, D], over k; and whether each ball holds a row."""
    between, reach = distances(fake, real), radii(real, k)
    return (between <= reach).sum(1) / k, between.min(0) <= reach


def duplicates(images: np.ndarray) -> np.ndarray:
    """Whether each image has another one in the set that differs by at most SAME: bool [N] from uint8 [N, P, P, 3].

    Means of blocks are compared first: they differ at most as much as the images.
    """
    count, size = images.shape[:2]
    block = -(-size // COARSE)
    starts = np.arange(0, size, block)
    rows = np.stack([np.add.reduceat(np.add.reduceat(image.astype(np.float32), starts, 0), starts, 1)
                     for image in images]).reshape(count, -1) / (block * size)
    found = np.zeros(count, bool)
    for start in range(0, count, PART):
        near = distances(rows[start : start + PART], rows) <= SAME * np.sqrt(3) + 0.5
        for i, j in np.argwhere(near):
            i = i + start
            if i < j and not (found[i] and found[j]):
                difference = images[i].astype(np.float32) - images[j]
                if np.sqrt(np.square(difference).mean()) <= SAME:
                    found[[i, j]] = True
    return found
