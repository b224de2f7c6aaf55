"""The relief of water drops on a lens, for the corruption `spatter`: light on one side of a drop, dark on the other."""

import numpy as np
from scipy import ndimage

EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
EIGHT = np.ones((3, 3))
WEAK, STRONG = 50, 150  # steepness from which an edge is followed, and from which one begins
FAR = 20  # pixels from an edge beyond which all is one


def edges(image: np.ndarray) -> np.ndarray:
    """Canny's edges (1986) of an image uint8 [H, W]: bool [H, W]. Steepness is |∂x| + |∂y| by Sobel's 3×3 filters."""
    values = image.astype(int)
    across, down = (ndimage.sobel(values, axis, mode="nearest") for axis in (1, 0))
    steep = np.abs(across) + np.abs(down)
    padded = np.pad(steep, 1)
    height, width = image.shape

    def beside(dy: int, dx: int) -> np.ndarray:
        return padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    slope = np.abs(down) / np.maximum(np.abs(across), 1e-9)
    low, high = np.tan(np.pi / 8), np.tan(3 * np.pi / 8)
    same = (across < 0) == (down < 0)
    peak = np.where(slope < low, (steep > beside(0, -1)) & (steep >= beside(0, 1)),
           np.where(slope > high, (steep > beside(-1, 0)) & (steep >= beside(1, 0)),
           np.where(same, (steep > beside(-1, -1)) & (steep > beside(1, 1)),
                    (steep > beside(-1, 1)) & (steep > beside(1, -1)))))
    candidate = peak & (steep > WEAK)
    lines, _ = ndimage.label(candidate, EIGHT)
    kept = np.unique(lines[candidate & (steep > STRONG)])
    return candidate & np.isin(lines, kept)


def equalised(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W] with a histogram as flat as can be."""
    counts = np.bincount(image.ravel(), minlength=256)
    first = counts.nonzero()[0][0]
    if counts[first] == image.size:
        return image
    reached = np.cumsum(counts) - counts[first]
    return np.rint(reached * (255 / (image.size - counts[first]))).clip(0, 255).astype(np.uint8)[image]


def water(drops: np.ndarray) -> np.ndarray:
    """How much light the drops, float [H, W] in [0, 1], add: float [H, W], at most 1 (0 everywhere without drops)."""
    pixels = (255 * drops + 1e-3).astype(np.uint8)
    edge = edges(pixels)
    distance = ndimage.distance_transform_edt(~edge) if edge.any() else np.full(drops.shape, FAR)
    distance = ndimage.uniform_filter(np.minimum(distance, FAR).astype(float), 3, mode="mirror")
    relief = equalised(distance.astype(np.uint8)).astype(int)
    relief = ndimage.correlate(relief, EMBOSS, mode="mirror").clip(0, 255)
    relief = np.rint(ndimage.uniform_filter(relief.astype(float), 3, mode="mirror"))
    layer = pixels * relief
    return layer / max(layer.max(), 1)
