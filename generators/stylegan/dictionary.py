"""The two dictionaries of 3x3 filters from which the StyleGAN processes take their convolutions: edges, lines, points.

Each edge and line is drawn 11 pixels wide, turned by a multiple of 22.5 degrees (counter-clockwise, bilinear) and cut
down to its central 3x3 pixels, as in the code that the authors of "Learning to See by Looking at Noise" released.
"""

import functools

import numpy as np
from PIL import Image

SIZE = 11  # of the pictures that are turned
EDGE = np.tile(np.sign(SIZE // 2 - np.arange(SIZE)), (SIZE, 1)).astype(np.float32)  # 1 | 0 | -1
LINE = np.tile(np.where(np.arange(SIZE) == SIZE // 2, -1, 1), (SIZE, 1)).astype(np.float32)  # 1 | -1 | 1
POINT = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
BOX = np.array([[-1, -1, -1], [-1, 1, -1], [-1, -1, -1]], np.float32)
PLUS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.float32)
CHECK = np.array([[-1, 1, -1], [1, 1, 1], [-1, 1, -1]], np.float32)


def turned(picture: np.ndarray, count: int) -> np.ndarray:
    """The middle of `picture` turned by 0, 22.5, ... (count - 1) 22.5 degrees: float32 [count, 3, 3]."""
    middle = slice(SIZE // 2 - 1, SIZE // 2 + 2)
    image = Image.fromarray(picture)
    return np.stack([np.asarray(image.rotate(22.5 * i, Image.Resampling.BILINEAR))[middle, middle]
                     for i in range(count)])


def centred(filters: np.ndarray) -> np.ndarray:
    """Filters less their means, with zeros for what is zero but for rounding."""
    filters = filters - filters.mean(axis=(1, 2), keepdims=True)
    return np.where(np.abs(filters) < 1e-6, 0, filters)


@functools.cache
def sign_dictionary() -> np.ndarray:
    """For `highfreq` and `sparse`: float32 [40, 3, 3], entries -1, 0 and 1; 16 edges, then lines and points with their
    negatives. 32 of them are distinct: at this size several angles of a line look alike.

    The middle of a diagonal edge is zero but for rounding, and in the authors' code, which takes signs, 1 or -1. These
    are the signs that float32 gives, written down so that they are the same on every machine.
    """
    edges = np.sign(centred(turned(EDGE, 16)))
    edges[2].flat[[0, 4, 8]] = 1, 1, -1  # 45 degrees
    edges[6].flat[[2, 4, 6]] = 1, 1, 1  # 135 degrees
    edges[[10, 14]] = -edges[[2, 6]]
    lines = np.sign(turned(LINE, 8))
    points = np.stack([POINT, BOX, PLUS, CHECK])
    return np.concatenate([edges, lines, -lines, points, -points])


@functools.cache
def smooth_dictionary() -> np.ndarray:
    """For `oriented`: float32 [40, 3, 3], distinct; 8 edges and 8 lines of mean 0, 4 points, and their negatives."""
    points = np.stack([POINT, BOX, PLUS, CHECK])
    half = np.concatenate([centred(turned(EDGE, 8)), centred(turned(LINE, 8)), points])
    return np.concatenate([half, -half])
