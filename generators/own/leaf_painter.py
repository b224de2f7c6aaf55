"""Painting leaves of any outline: which leaf each pixel shows, its colour and shade, and layers out of focus.

An outline is a table of radii over angles, so a leaf may be any shape that is seen whole from its centre.
"""

import numpy as np
from numba import njit

from generators.statistical.colour_model import REORDER

ANGLES = 64  # entries of an outline
STEPS = 4  # places that are looked at for what casts a shadow
NO_LEAF = -1


@njit(cache=True, nogil=True)
def turns(u: float, v: float) -> float:
    """The angle of (u, v) in 0..1, to 0.001: arctan2 in a fifth of its time."""
    across, down = abs(u), abs(v)
    ratio = min(across, down) / max(across, down, np.float32(1e-9))
    turn = ratio * (np.float32(0.168451) - np.float32(0.043451) * ratio)
    if down > across:
        turn = np.float32(0.25) - turn
    if u < 0:
        turn = np.float32(0.5) - turn
    return np.float32(1) - turn if v < 0 else turn


@njit(cache=True, nogil=True)
def inside(outline: np.ndarray, u: float, v: float) -> bool:
    """Whether the point (u, v) lies in an outline, float32 [ANGLES], radii over a turn; between two, on a line."""
    place = turns(u, v) * np.float32(ANGLES)
    entry = min(int(place), ANGLES - 1)
    radius = outline[entry] + (place - np.float32(entry)) * (outline[(entry + 1) % ANGLES] - outline[entry])
    return u * u + v * v <= radius * radius


@njit(cache=True, nogil=True)
def paint_under(leaves: np.ndarray, outlines: np.ndarray, labels: np.ndarray, shades: np.ndarray) -> None:
    """Lay leaves, each under what is there, until none is left or no pixel is bare.

    leaves: float32 [n, 11], in the order of their nearness: column and row of the centre and radius, in pixels; cosine
    and sine of the leaf's direction and how many times narrower it is across; a hole's size (0: none) and place, in
    radii; how much brighter it is at its right end than in its middle, along that direction, and how much darker at
    its rim. outlines: float32 [n, ANGLES], of radii up to 1; a hole has the outline of the leaf before.
    labels: int32 [N, N], NO_LEAF where bare, changed in place. shades: float32 [N, N], brightness, changed in place.
    """
    size, bare = len(labels), labels.size
    for n in range(len(leaves)):
        x, y, radius, c, s, narrow, hole, hole_u, hole_v, slope, dome = leaves[n]
        for row in range(max(int(np.ceil(y - radius)), 0), min(int(y + radius), size - 1) + 1):
            for column in range(max(int(np.ceil(x - radius)), 0), min(int(x + radius), size - 1) + 1):
                if labels[row, column] != NO_LEAF:
                    continue
                dx, dy = (np.float32(column) - x) / radius, (np.float32(row) - y) / radius
                u, v = c * dx + s * dy, (c * dy - s * dx) * narrow
                squared = u * u + v * v
                if squared > np.float32(1) or not inside(outlines[n], u, v):
                    continue
                if hole > 0 and inside(outlines[n - 1], (u - hole_u) / hole, (v - hole_v) / hole):
                    continue
                labels[row, column] = n
                shades[row, column] = np.float32(1) + slope * u - dome * squared
                bare -= 1
        if bare == 0:
            return


@njit(cache=True, nogil=True, fastmath=REORDER)
def colour_in(labels: np.ndarray, shades: np.ndarray, textures: np.ndarray, windows: np.ndarray, colours: np.ndarray,
              shadow_x: float, shadow_y: float, darkness: float) -> np.ndarray:
    """The layer of leaves that `paint_under` laid: float32 [4, N, N], colour times cover, and cover, 0 or 1.

    textures: int8 [T, S, S, 3], fields in 1/32 of their deviation. windows: float32 [n, 5], the texture of each leaf,
    the vector that a step of one pixel to the right takes in it, and where pixel (0, 0) lies; mirrored beyond its
    borders. colours: float32 [n, 3, 4], as `generators.own.colour.colour_map` makes.
    shadow_x, shadow_y: the way to what casts the longest shadow, in pixels. darkness: of full shadow, 0..1.
    """
    size, side = len(labels), textures.shape[1]
    layer, last = np.zeros((4, size, size), np.float32), np.float32(side - 1)
    period = max(np.float32(2) * last, np.float32(1))  # of a texture of one pixel, too
    for y in range(size):
        for x in range(size):
            leaf = labels[y, x]
            if leaf == NO_LEAF:
                continue
            texture, across, down, left, top = windows[leaf]
            u = abs(left + across * np.float32(x) - down * np.float32(y)) % period
            v = abs(top + down * np.float32(x) + across * np.float32(y)) % period
            u, v = last - abs(last - u), last - abs(last - v)
            i, j, k = int(v), int(u), int(texture)
            f, g = v - np.float32(i), u - np.float32(j)
            below, right = min(i + 1, side - 1), min(j + 1, side - 1)
            shade = shades[y, x]
            for step in range(1, STEPS + 1):
                row, column = y + int(shadow_y * step / STEPS), x + int(shadow_x * step / STEPS)
                if 0 <= row < size and 0 <= column < size and NO_LEAF < labels[row, column] < leaf:
                    shade *= np.float32(1 - darkness / STEPS)
            for c in range(3):
                value = colours[leaf, c, 3]
                for m in range(3):
                    upper = textures[k, i, j, m] + g * (textures[k, i, right, m] - textures[k, i, j, m])
                    lower = textures[k, below, j, m] + g * (textures[k, below, right, m] - textures[k, below, j, m])
                    value += colours[leaf, c, m] * (upper + f * (lower - upper)) * np.float32(1 / 32)
                layer[c, y, x] = min(max(value, np.float32(0)), np.float32(255)) * shade
            layer[3, y, x] = 1
    return layer


def blur(layer: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian blur of float32 [C, N, N], by weights out to 2.5 deviations (in pixels); the border's values go on
    outside."""
    reach = int(np.ceil(2.5 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    out = np.zeros_like(layer)
    convolve(layer, (weights / weights.sum()).astype(np.float32), out)
    return out


@njit(cache=True, nogil=True, fastmath=REORDER)
def convolve(layer: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Add to `out`, float32 [C, H, W], the layer under weights, float32 [2 reach + 1], along both axes."""
    count, height, width = layer.shape
    reach = len(weights) // 2
    line, rows = np.empty(width + 2 * reach, np.float32), np.empty((height, width), np.float32)
    for c in range(count):
        for y in range(height):
            for x in range(len(line)):
                line[x] = layer[c, y, min(max(x - reach, 0), width - 1)]
            for x in range(width):
                rows[y, x] = 0
            for k in range(len(weights)):
                for x in range(width):
                    rows[y, x] += weights[k] * line[x + k]
        for y in range(height):
            for k in range(len(weights)):
                row = min(max(y + k - reach, 0), height - 1)
                for x in range(width):
                    out[c, y, x] += weights[k] * rows[row, x]


@njit(cache=True, nogil=True, fastmath=REORDER)
def lay_over(below: np.ndarray, layer: np.ndarray, shadow: np.ndarray, shadow_x: int, shadow_y: int,
             darkness: float) -> None:
    """Lay a layer, float32 [4, N, N], over a picture, float32 [3, N, N], in place.

    shadow: the layer's cover as its shadow shows it, float32 [N, N]; it falls on a pixel from (shadow_x, shadow_y) away
    and takes so much of the picture's light.
    """
    size = len(shadow)
    for y in range(size):
        row = min(max(y + shadow_y, 0), size - 1)
        for x in range(size):
            column = min(max(x + shadow_x, 0), size - 1)
            left = (np.float32(1) - layer[3, y, x]) * (np.float32(1) - np.float32(darkness) * shadow[row, column])
            for c in range(3):
                below[c, y, x] = below[c, y, x] * left + layer[c, y, x]


@njit(cache=True, nogil=True, fastmath=REORDER)
def lit_image(picture: np.ndarray, slope_x: float, slope_y: float) -> np.ndarray:
    """A picture, float32 [3, N, N], under light that changes by such a share from its middle to its right and lower
    border: uint8 [N, N, 3]."""
    size = picture.shape[1]
    image, step = np.empty((size, size, 3), np.uint8), np.float32(2 / size)
    for y in range(size):
        for x in range(size):
            light = np.float32(1) + np.float32(slope_x) * (np.float32(x) * step - np.float32(1))
            light += np.float32(slope_y) * (np.float32(y) * step - np.float32(1))
            for c in range(3):
                image[y, x, c] = np.uint8(min(max(light * picture[c, y, x], np.float32(0)), np.float32(255))
                                          + np.float32(0.5))
    return image
