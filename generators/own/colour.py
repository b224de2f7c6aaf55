"""Colour of our own processes: three fields become red, green and blue along the principal axes of a random picture;
and exposures.

The picture is the mondrian of `generators.statistical.colour_model`, small: only its mean, axes and deviations are
used. Photos vary more in brightness than in hue, so the result is drawn towards grey by a random amount.
"""

import numpy as np
from numba import njit

from generators.statistical.colour_model import REORDER, components, mondrian, principal_axes

PICTURE = 24  # pixels of the side of the picture


def colour_map(rng: np.random.Generator) -> np.ndarray:
    """An affine map from three fields of mean 0 and deviation 1 to colours in 0..255: float32 [3, 4], of which the last
    column is the mean colour.

    The columns before are the axes of a mondrian times its deviations along them, times a contrast uniform in
    (0.6, 1.4); all is multiplied by `saturation`(U(0.3, 1)).
    """
    picture = mondrian(rng, PICTURE)
    axes, mean = principal_axes(rng, picture)
    spread = components(picture, axes, mean).std(axis=1) * np.float32(rng.uniform(0.6, 1.4))
    return saturation(rng.uniform(0.3, 1)) @ np.column_stack([axes * spread, mean])


def saturation(amount: float) -> np.ndarray:
    """The map that keeps the mean of red, green and blue and multiplies what differs from it: float32 [3, 3]."""
    return np.float32(amount) * np.eye(3, dtype=np.float32) + np.full((3, 3), (1 - amount) / 3, np.float32)


@njit(cache=True, nogil=True, fastmath=REORDER)
def to_image(fields: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The image of three fields, float32 [3, N, N], under a `colour_map`, cut off at 0 and 255: uint8 [N, N, 3]."""
    _, height, width = fields.shape
    image = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = colours[c, 3]
                for k in range(3):
                    value += colours[c, k] * fields[k, y, x]
                image[y, x, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)) + np.float32(0.5))
    return image


def exposed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image, uint8 [H, W, 3], at a random exposure: its distance from its mean times a contrast log-uniform in
    (0.8, 1.7), its mean raised by levels normal of deviation 25, cut off at 0 and 255.

    So images come to vary as photos do: those of Tiny-ImageNet have a deviation of 53 levels within an image and one of
    28 between the means of images; `own-scenes` has 48 and 14, and exposed 53 and 28.
    """
    contrast, brightness = np.exp(rng.uniform(np.log(0.8), np.log(1.7))), rng.normal(0, 25)
    mean = image.mean()
    levels = (image - np.float32(mean)) * np.float32(contrast) + np.float32(mean + brightness)
    return (np.clip(levels, 0, 255) + np.float32(0.5)).astype(np.uint8)
