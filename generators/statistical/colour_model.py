"""Colour statistics: the principal axes of a random "mondrian", a picture of a few flat colours, blurred and grained.

Baradad et al., "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2 (colour). This follows the authors'
MATLAB code, which made the paper's images, where it differs from their Python port: the grain is drawn for each pixel
(the port adds one number to all), and the axes are the principal ones, applied as columns (the port uses their
transpose, which is orthogonal too but decorrelates nothing). It also follows what that code does by accident, as it
shows in the images: the first two areas of the picture share a colour, zeros beyond the border darken the blurred
picture, and the signs of the axes, which its linear algebra leaves open, are as good as random. They decide the colour
cast of an image whose components have a mean.
"""

import numpy as np
from numba import njit

from generators.process import random_bytes

# Lets the compiler reorder sums, so that they run on vectors; the order is fixed when it compiles.
REORDER = {"reassoc", "contract", "nnan", "nsz"}


def mondrian(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random picture, float32 [3, columns, rows], stretched to 0..256 over its three channels together.

    K = 3 to 22 areas (uniform), with shares proportional to 0.001 + U(0, 1), and K - 1 colours, each uniform in the RGB
    cube: the first two areas have the first colour. Every pixel draws its area by these shares, and the pixels are then
    sorted by area, column by column, into bands; box blur of 1 to 10 pixels (uniform) with zeros outside, so that
    borders darken; grain of 10 U(0, 1) for each pixel and channel.
    """
    count = rng.integers(3, 23)
    colours = 256 * rng.random((3, count - 1), np.float32)
    shares = 0.001 + rng.random(count)
    areas = rng.multinomial(size * size, shares / shares.sum())
    areas = np.append(areas[0] + areas[1], areas[2:])
    picture = blurred_bands(colours, areas, size, rng.integers(1, 11))
    grain_and_stretch(picture, random_bytes(rng, picture.size), 10)
    return picture


@njit(cache=True, nogil=True, fastmath=REORDER)
def blurred_bands(colours: np.ndarray, areas: np.ndarray, size: int, width: int) -> np.ndarray:
    """Bands of colours [C, K] of so many pixels, areas [K], side by side, and then the mean of the width x width pixels
    around each, zeros outside (of an even width one pixel more after than before): float32 [C, columns, rows]."""
    before = (width - 1) // 2
    ones = np.empty(size, np.float32)  # what the blur makes of a column of ones: nearly all have a single colour
    for x in range(size):
        ones[x] = min(x - before + width, size) - max(x - before, 0)
    scale = np.float32(1 / width**2)
    blurred = np.empty((len(colours), size, size), np.float32)
    padded, window = np.zeros(size + width - 1, np.float32), np.empty(size, np.float32)
    columns = np.zeros((size + width, size), np.float32)  # blurred along themselves, with those outside
    for c in range(len(colours)):
        band, end = 0, areas[0]  # of the pixel that comes next, and where it ends
        for column in range(size):
            line, start = columns[before + 1 + column], column * size
            while end <= start:
                band += 1
                end += areas[band]
            if start + size <= end:
                for x in range(size):
                    line[x] = colours[c, band] * ones[x]
            else:
                for x in range(size):
                    while end <= start + x:
                        band += 1
                        end += areas[band]
                    padded[before + x] = colours[c, band]
                line[:] = 0
                for k in range(width):
                    for x in range(size):
                        line[x] += padded[x + k]
        window[:] = 0
        for column in range(width):
            for x in range(size):
                window[x] += columns[column, x]
        for column in range(size):
            target, first, last = blurred[c, column], columns[column], columns[column + width]
            for x in range(size):
                window[x] += last[x] - first[x]
                target[x] = window[x] * scale
    return blurred


@njit(cache=True, nogil=True, fastmath=REORDER)
def grain_and_stretch(picture: np.ndarray, grain: np.ndarray, scale: float) -> None:
    """Add grain of 0..scale, uint8 [3 * H * W], to a picture, float32 [3, H, W], and stretch it to 0..256, in place."""
    step = np.float32(scale / 256)
    half = step / np.float32(2)
    values = picture.reshape(-1)
    for i in range(values.size):
        values[i] += step * np.float32(grain[i]) + half
    low = high = values[0]
    for i in range(values.size):  # a loop of its own, which runs on vectors
        low = min(low, values[i])
        high = max(high, values[i])
    stretch = np.float32(256) / (high - low)
    for i in range(values.size):
        values[i] = (values[i] - low) * stretch


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

    C' (rgb - mu) are the uncorrelated components of its colours. Each axis has a random sign.
    """
    return signed_axes(picture, rng.random(3))


@njit(cache=True, nogil=True)
def signed_axes(picture: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`principal_axes`; a sign is + where a draw in 0..1, [3], is below 1/2."""
    mu, covariance = moments(picture)
    vectors = np.linalg.eigh(covariance)[1]  # sorted by rising variance
    axes = np.empty((3, 3), np.float32)
    for k in range(3):
        axis = vectors[:, 2 - k]
        # LAPACK's sign, which differs between machines, does not count.
        axes[:, k] = axis if (axis.sum() > 0) == (draws[k] < 0.5) else -axis
    return axes, mu.astype(np.float32)


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
    for row in range(height):
        first, second, third = components[0, row], components[1, row], components[2, row]
        for c in range(3):
            a, b, d, m, target = axes[c, 0], axes[c, 1], axes[c, 2], mu[c], rgb[c, row]
            for x in range(width):
                target[x] = a * first[x] + b * second[x] + d * third[x] + m
    values = rgb.reshape(-1)
    low = high = values[0]
    for i in range(values.size):  # a loop of its own, which runs on vectors
        low = min(low, values[i])
        high = max(high, values[i])
    scale, half = np.float32(255) / (high - low) if high > low else np.float32(0), np.float32(0.5)
    image = np.empty((height, 3 * width), np.uint8)
    for row in range(height):
        red, green, blue, target = rgb[0, row], rgb[1, row], rgb[2, row], image[row]
        for x in range(width):
            target[3 * x] = np.uint8(np.int32((red[x] - low) * scale + half))
            target[3 * x + 1] = np.uint8(np.int32((green[x] - low) * scale + half))
            target[3 * x + 2] = np.uint8(np.int32((blue[x] - low) * scale + half))
    return image.reshape(height, width, 3)
