"""Colour statistics: the principal axes of a random "mondrian", a picture of a few flat colours, blurred and grained.

Baradad et al., "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2 (colour). Where the authors' MATLAB
code, which made the paper's images, and their Python port differ, this follows the MATLAB code: the grain is drawn for
each pixel (the port adds one number to all), and the axes are the principal ones, applied as columns (the port uses
their transpose, which is orthogonal too but decorrelates nothing).
"""

import numpy as np
from numba import njit

from generators.process import white_noise


def mondrian(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random picture, float32 [3, columns, rows], stretched to 0..256 over its three channels together.

    3 to 22 colours (uniform count), each uniform in the RGB cube; shares of the area proportional to 0.001 + U(0, 1);
    every pixel draws its colour by these shares, and the pixels are then sorted by colour, column by column, into
    bands; box blur of 1 to 10 pixels (uniform; edges repeat); grain of 10 U(0, 1) for each pixel and channel.
    """
    count = rng.integers(3, 23)
    colours = 256 * rng.random((3, count - 1), np.float32)
    shares = 0.001 + rng.random(count)
    areas = rng.multinomial(size * size, shares / shares.sum())
    areas = np.append(areas[0] + areas[1], areas[2:])
    picture = np.repeat(colours, areas, axis=1).reshape(3, size, size)  # [channel, column, row]: bands run down
    picture = box_blur(picture, rng.integers(1, 11))
    picture += white_noise(rng, picture.shape, 10)
    low, high = picture.min(), picture.max()
    picture -= low
    picture *= 256 / (high - low)
    return picture


@njit(cache=True, nogil=True)
def box_blur(picture: np.ndarray, width: int) -> np.ndarray:
    """Mean of the width x width pixels around each, zeros outside: [C, H, W], float32 both.

    Of an even width one pixel more is taken after than before.
    """
    channels, height, across = picture.shape
    before = (width - 1) // 2
    blurred = np.zeros_like(picture)
    line = np.zeros(across + width - 1, picture.dtype)
    for c in range(channels):
        for row in range(height):
            line[before : before + across] = 0
            for other in range(max(row - before, 0), min(row - before + width, height)):
                source = picture[c, other]
                for x in range(across):
                    line[before + x] += source[x]
            target = blurred[c, row]
            for k in range(width):
                for x in range(across):
                    target[x] += line[x + k]
    return blurred / np.float32(width**2)


# Lets the compiler reorder sums, so that they run on vectors; the order is fixed when it compiles.
REORDER = {"reassoc", "contract", "nnan", "nsz"}


@njit(cache=True, nogil=True, fastmath=REORDER)
def moments(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, float64 [3], and covariance, float64 [3, 3], of the colours of a picture, float32 [3, H, W]."""
    middle = np.float32(128)  # of the usual range; squares of smaller numbers lose fewer digits
    total, products = np.zeros(3), np.zeros((3, 3))
    for row in range(picture.shape[1]):
        for i in range(3):
            for j in range(i + 1):
                a, b = picture[i, row], picture[j, row]
                product = np.float32(0)
                for x in range(len(a)):
                    product += (a[x] - middle) * (b[x] - middle)
                products[i, j] += product
            value = np.float32(0)
            for x in range(picture.shape[2]):
                value += picture[i, row, x] - middle
            total[i] += value
    pixels = picture[0].size
    mean, covariance = total / pixels, np.empty((3, 3))
    for i in range(3):
        for j in range(i + 1):
            covariance[i, j] = covariance[j, i] = products[i, j] / pixels - mean[i] * mean[j]
    return mean + middle, covariance


def principal_axes(rng: np.random.Generator, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes C, float32 [3, 3] (columns, by falling variance), and mean colour mu, float32 [3], of a picture [3, H, W].

    C' (rgb - mu) are the uncorrelated components of its colours. The sign of an axis is no fact about the picture, so a
    rule fixes it: the entries of an axis have a positive sum.
    """
    mu, covariance = moments(picture)
    axes = np.linalg.eigh(covariance)[1][:, ::-1]  # eigh sorts by rising variance
    axes *= np.copysign(1, axes.sum(axis=0))  # LAPACK's signs differ from one machine to another
    axes *= 2 * rng.integers(2, size=3) - 1
    return np.ascontiguousarray(axes, np.float32), mu.astype(np.float32)


def components(picture: np.ndarray, axes: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """C' (rgb - mu) for every pixel of a picture, float32 [3, H, W]: float32 [3, H * W]."""
    return axes.T @ (picture.reshape(3, -1) - mu[:, None])


@njit(cache=True, nogil=True, fastmath=REORDER)
def components_to_image(components: np.ndarray, axes: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """C x + mu for every pixel, all channels together stretched to 0..255: uint8 [H, W, 3] (black if it is flat).

    components: float32 [3, H, W]. axes, mu: as `principal_axes` returns them.
    """
    _, height, width = components.shape
    rgb = np.empty((3, height, width), np.float32)
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for row in range(height):
        for c in range(3):
            for x in range(width):
                value = (axes[c, 0] * components[0, row, x] + axes[c, 1] * components[1, row, x]
                         + axes[c, 2] * components[2, row, x] + mu[c])
                rgb[c, row, x] = value
                low, high = min(low, value), max(high, value)
    scale = np.float32(255) / (high - low) if high > low else np.float32(0)
    image = np.empty((height, width, 3), np.uint8)
    for row in range(height):
        for x in range(width):
            for c in range(3):
                image[row, x, c] = np.uint8((rgb[c, row, x] - low) * scale + np.float32(0.5))
    return image
