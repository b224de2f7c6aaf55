"""FractalDB in its plainest form: a chaos game in pure Python that pastes one patch after another.

What `generators.fractals.fractaldb` is tested against, bit for bit, and measured beside.
"""

import bisect
import itertools
import math
from collections.abc import Sequence

import numpy as np

from generators.fractals.fractaldb import FAR, GRAY, LEAST_FILLED, PAD, POINTS, SIZE, VERSIONS, FractalDB, categories
from generators.process import stream_key
from utils.seeding import generator, stable_key

Maps = Sequence[Sequence[float]]
Points = list[tuple[float, float]]


def chaos_game(maps: Maps, areas: Sequence[float], uniforms: Sequence[float]) -> Points:
    """The points (x, y) from (0, 0) on; each map with probability as its area."""
    total = sum(areas)
    steps = [float(np.float32(step / total)) for step in itertools.accumulate(areas)][:-1]
    x = y = 0.0
    points = [(x, y)]
    for u in uniforms:
        a, b, c, d, e, f = maps[bisect.bisect_right(steps, u)]
        x, y = a * x + b * y + e, c * x + d * y + f
        points.append((x, y))
    return points


def pixels(points: Points, size: int) -> Points | None:
    """The points as (column, row); None if they run off or do not differ on an axis."""
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in points):
        return None
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    bottom, top = min(y for _, y in points), max(y for _, y in points)
    if not (1 / FAR <= right - left <= FAR and 1 / FAR <= top - bottom <= FAR):
        return None
    across, up = (size - 2 * PAD) / (right - left), (size - 2 * PAD) / (top - bottom)
    return [(int((x - left) * across + PAD), int((y - bottom) * up + PAD)) for x, y in points]


def patch_mask(number: int, key: int) -> int:
    """The 9 bits of a point's patch; see `generators.fractals.fractaldb.patch_mask`."""
    h = number * 0x9E3779B9 + key & 0xFFFFFFFF
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF ^ key >> 32
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    h ^= h >> 16
    return 1 + (h * 511 >> 32)


def paste(points: Points, key: int, size: int) -> np.ndarray:
    """Paste the patches of all points, (column, row), in their order: uint8 [size, size], rows as y grows."""
    picture = [bytearray(size) for _ in range(size)]
    patches = [bytes(GRAY * (mask >> bit & 1) for bit in range(9)) for mask in range(512)]
    for number, (column, row) in enumerate(points, 1):
        patch = patches[patch_mask(number, key)]
        picture[row + 1][column + 1 : column + 4] = patch[:3]
        picture[row + 2][column + 1 : column + 4] = patch[3:6]
        picture[row + 3][column + 1 : column + 4] = patch[6:]
    return np.array([list(line) for line in picture], np.uint8)


def fractaldb_plain(process: FractalDB, index: int) -> np.ndarray:
    """Image `index` at 362 pixels, before any reduction: uint8 [362, 362, 3]."""
    key = stream_key(process)
    category, weights, pattern, flip = process.instance(index)
    uniforms = generator(key, 0).random(POINTS - 1, np.float32).tolist()
    maps = categories()[category].tolist()
    areas = [abs(a * d - b * c) for a, b, c, d, _, _ in maps]
    parameter, factor = VERSIONS[weights]
    while True:
        weighted = [[p * factor if k == parameter else p for k, p in enumerate(row)] for row in maps]
        points = pixels(chaos_game(weighted, areas, uniforms), SIZE)
        if points and len(set(points)) >= LEAST_FILLED * SIZE**2:
            break
        factor = 1 + (factor - 1) * 2 / 3
    picture = paste(points, stable_key(key, category, weights, pattern), SIZE)[::-1]  # y points up
    picture = [picture, picture[::-1], picture[:, ::-1], picture[::-1, ::-1]][flip]
    return np.repeat(picture[:, :, None], 3, axis=2)
