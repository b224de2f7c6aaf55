"""Colour statistics: the principal axes of a random "mondrian", a picture of a few flat colours, blurred and grained.

Baradad et al., "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2 (colour). Where the authors' MATLAB
code, which made the paper's images, and their Python port differ, this follows the MATLAB code: the grain is drawn for
each pixel (the port adds one number to all), and the axes are the principal ones, applied as columns (the port uses
their transpose, which is orthogonal too but decorrelates nothing).
"""

import numpy as np
from scipy.ndimage import uniform_filter1d


def mondrian(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random picture, float32 [3, size, size], stretched to 0..256 over its three channels together.

    3 to 22 colours (uniform count), each uniform in the RGB cube; shares of the area proportional to 0.001 + U(0, 1);
    every pixel draws its colour by these shares, and the pixels are then sorted by colour, column by column, into
    bands; box blur of 1 to 10 pixels (uniform; edges repeat); grain of 10 U(0, 1) for each pixel and channel.
    """
    count = rng.integers(3, 23)
    colours = 256 * rng.random((count, 3), np.float32)
    shares = 0.001 + rng.random(count)
    areas = rng.multinomial(size * size, shares / shares.sum())
    picture = np.repeat(colours, areas, axis=0).T.reshape(3, size, size).swapaxes(1, 2)  # runs down the columns
    width = rng.integers(1, 11)
    for axis in (1, 2):
        picture = uniform_filter1d(picture, width, axis=axis, mode="nearest")
    picture = picture + 10 * rng.random(picture.shape, np.float32)
    low, high = picture.min(), picture.max()
    return (picture - low) * (256 / (high - low))


def principal_axes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes C, float64 [3, 3] (columns, by falling variance), and mean colour mu, float64 [3], of a picture [3, H, W].

    C' (rgb - mu) are the uncorrelated components of its colours. The sign of an axis is no fact about the picture, so a
    rule fixes it: the entry of largest magnitude is positive.
    """
    mu = picture.mean(axis=(1, 2), dtype=np.float64)
    centred = picture - mu[:, None, None]
    # einsum and not matmul: BLAS splits its sums by the number of threads, which must not show in the images.
    covariance = np.einsum("ihw,jhw->ij", centred, centred) / centred[0].size
    _, axes = np.linalg.eigh(covariance)  # by rising variance
    axes = axes[:, ::-1]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(3)]
    return axes * np.sign(largest), mu


def components_to_rgb(components: np.ndarray, axes: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """C x + mu for every pixel: float32 [3, H, W] from components [3, H, W]."""
    rgb = np.einsum("ij,jhw->ihw", axes.astype(np.float32), components)
    return rgb + mu.astype(np.float32)[:, None, None]


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Stretch a picture [3, H, W], all channels together, to 0..255: uint8 [H, W, 3]. A flat picture becomes black."""
    low, high = picture.min(), picture.max()
    scale = 255 / (high - low) if high > low else 0
    return ((picture - low) * scale + 0.5).astype(np.uint8).transpose(1, 2, 0)
