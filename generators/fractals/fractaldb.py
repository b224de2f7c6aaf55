"""FractalDB: fractals of iterated function systems, a thousand categories of a thousand instances each.

    python -m generators.fractaldb --output data/my_fractals --samples 1000
    python -m generators.fractaldb --order by_category --resolution 362 --output data/my_fractaldb_1k --samples 1000000
    python -m generators fractaldb                     # the dataset of the paper
    python -m generators fractaldb-1k                  # the whole of FractalDB-1k, a folder a category

Kataoka, Okayasu, Matsumoto, Yamagata, Yamada, Inoue, Nakamura and Satoh, "Pre-training without Natural Images", ACCV
2020. A category is 2 to 7 affine maps, x' = a x + b y + e and y' = c x + d y + f, found by `search`
and kept in categories.csv. An image follows the rules of the authors' code:

* chaos game: 200,000 points, the first (0, 0), each next one the image of the last under a random map. Map k is taken
  with probability |a d - b c|, normalised over the maps. The uniform numbers behind the choices (float32, in [0, 1))
  are the same for all images of a seed.
* weights: 25 versions of a category. Version 0 is the category itself; version 1 + 4 p + j has parameter p of every map
  multiplied by 0.2, 0.6, 1.4 or 1.8 (j = 0..3). The probabilities stay.
* frame: each axis is stretched by itself, so that the coordinates span pixels 6 to 356 of 362, and cut to integers; y
  points up. (The authors subtract the smallest coordinate if it is negative. With (0, 0) among the points it is, or it
  is zero.)
* patches: point after point, the 3x3 pixels from one right of and above it are overwritten according to a mask of 9
  bits, uniform in 1..511 (to within 2^-23), drawn for each point: 127 where the bit is set, else 0. So later patches
  also erase. One draw of all masks is a pattern; each picture has 10, independent.
* flips: none, top to bottom, left to right, both. Weights, patterns and flips make 25 x 10 x 4 = 1000 instances.

Some factors turn a category into a system whose points run off: for ever, or so far now and then that all others share
a few pixels. Rendered all the same, as the authors did, these would be blank or nearly so. Here a factor with which the
coordinates span more than 1e100, or points fall into less than 1 % of the pixels, moves a third of the way to 1, until
neither is so (less than a tenth of the versions).

Image i: in order `by_category`, instance i % 1000 of category i // 1000, with flips first, then patterns, then weights.
In `mixed` order, category i % 1000, and each category's instances come in a random order of its own; so 105,000 images
are 105 random instances of each category. In both, images after the first million have new patterns. Smaller images
are those at 362 reduced by Pillow's antialiased bilinear filter. Orders and resolutions share their random numbers.
"""

import csv
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from PIL import Image

from generators.process import check, option, stream_key
from utils.cli import UserError
from utils.seeding import generator, stable_key

CATEGORIES = Path(__file__).with_name("categories.csv")
SIZE, PAD, GRAY = 362, 6, 127
POINTS, FAR = 200_000, 1e100
LEAST_FILLED = 0.01  # part of the pixels that the points of an image must fall into
VERSIONS = [(0, 1.0), *itertools.product(range(6), (0.2, 0.6, 1.4, 1.8))]  # which parameter is multiplied by what
PATTERNS, FLIPS = 10, 4
INSTANCES = len(VERSIONS) * PATTERNS * FLIPS
ORDERS = ("mixed", "by_category")


class Degenerate(ValueError):
    """A system without a picture; the message is one word: 'overflowing', 'collapsed' or 'sparse'."""


@functools.cache
def categories() -> list[np.ndarray]:
    """The maps of each category: float64 [2..7, 6], a row (a, b, c, d, e, f) a map."""
    maps: dict[int, list[list[float]]] = {}
    with open(CATEGORIES, newline="") as file:
        for category, *parameters in list(csv.reader(file))[1:]:
            maps.setdefault(int(category), []).append([float(p) for p in parameters])
    return [np.array(maps[category]) for category in range(len(maps))]


def choose_maps(maps: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Which map each step of a chaos game takes: uint8 [T] from float32 [T] in [0, 1); probabilities as |det|.

    Raises Degenerate if every determinant is zero.
    """
    areas = np.abs(maps[:, 0] * maps[:, 3] - maps[:, 1] * maps[:, 2])
    if not areas.sum() > 0:
        raise Degenerate("collapsed")
    steps = (np.cumsum(areas) / areas.sum())[:-1].astype(np.float32)
    return count_below(uniforms, steps)


@njit(cache=True, nogil=True)
def count_below(uniforms: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """How many of the `steps` each number has reached: uint8 [T]."""
    counts = np.zeros(len(uniforms), np.uint8)
    for step in steps:
        for t in range(len(uniforms)):
            counts[t] += uniforms[t] >= step
    return counts


@njit(cache=True, nogil=True)
def chaos_game(maps: np.ndarray, choices: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The points (x, y), float64 [T + 1, 2], from (0, 0) on, and their bounds: left, right, bottom, top."""
    points = np.empty((len(choices) + 1, 2))
    points[0] = x = y = left = right = bottom = top = 0.0
    for t in range(len(choices)):
        a, b, c, d, e, f = maps[choices[t]]
        x, y = a * x + b * y + e, c * x + d * y + f
        points[t + 1, 0], points[t + 1, 1] = x, y
        left, right, bottom, top = min(left, x), max(right, x), min(bottom, y), max(top, y)
    return points, (left, right, bottom, top)


@njit(cache=True, nogil=True)
def mark(points: np.ndarray, bounds: tuple[float, float, float, float], size: int) -> np.ndarray:
    """The last point in each pixel, counted from 1, and 0 where there is none: uint32 [size, size], rows as y grows."""
    left, right, bottom, top = bounds
    across, up = (size - 2 * PAD) / (right - left), (size - 2 * PAD) / (top - bottom)
    last = np.zeros((size, size), np.uint32)
    for t in range(len(points)):
        row, column = (points[t, 1] - bottom) * up + PAD, (points[t, 0] - left) * across + PAD
        last[np.uint32(row), np.uint32(column)] = t + 1
    return last


def last_points(maps: np.ndarray, choices: np.ndarray, size: int, least_filled: float) -> np.ndarray:
    """Play the chaos game and return the last point in each pixel of a frame, as `mark` does.

    Raises Degenerate: 'overflowing' if the coordinates span more than FAR, 'collapsed' if they span less than 1 / FAR
    on an axis, 'sparse' if points fall into less than `least_filled` of the pixels.
    """
    points, bounds = chaos_game(maps, choices)
    left, right, bottom, top = bounds
    if not (right - left <= FAR and top - bottom <= FAR):  # coordinates that are no numbers any more have passed FAR
        raise Degenerate("overflowing")
    if min(right - left, top - bottom) < 1 / FAR:
        raise Degenerate("collapsed")
    last = mark(points, bounds, size)
    if np.count_nonzero(last) < least_filled * last.size:
        raise Degenerate("sparse")
    return last


@njit(cache=True, nogil=True)
def patch_mask(point: int, key: int) -> int:
    """The 9 bits of a point's patch, 1..511: a hash of the point, uint32, and the key of the pattern, uint64.

    The finaliser of MurmurHash3 (Appleby 2011), with one half of the key before its first and one before its second
    multiplication. All of 32 bits, so that it runs on vectors.
    """
    h = np.uint32(point * np.uint32(0x9E3779B9) + np.uint32(key))
    h = np.uint32((h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)) ^ np.uint32(key >> np.uint64(32))
    h = np.uint32((h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35))
    h ^= h >> np.uint32(16)
    return np.uint32(1) + np.uint32(np.uint64(h) * np.uint64(511) >> np.uint64(32))


@njit(cache=True, nogil=True)
def paste_patches(last: np.ndarray, key: int) -> np.ndarray:
    """The picture after all patches are pasted: uint8 [N, N], 0 or GRAY. last: as `mark` returns it.

    There is no need to paste 200,000 patches: a pixel shows the latest of those that cover it. They belong to points in
    nine pixels, and in each of these only the last one matters.
    """
    size = len(last)
    picture = np.zeros((size, size), np.uint8)
    for row in range(3, size):
        line = picture[row, 3:]
        for column in range(size - 3):
            latest = np.uint32(0)  # number of the point and, in the lowest 4 bits, which bit of its mask belongs here
            for i in range(3):
                for j in range(3):
                    latest = max(latest, last[row - 1 - i, column + 2 - j] << np.uint32(4) | np.uint32(3 * i + j))
            bit = patch_mask(latest >> np.uint32(4), key) >> (latest & np.uint32(15)) & np.uint32(1)
            line[column] = np.uint8(GRAY * bit) if latest >= np.uint32(16) else np.uint8(0)
    return picture


@dataclass(frozen=True)
class FractalDB:
    """FractalDB in one of two orders. Raises UserError for an unknown order or a resolution not in 1..362."""

    order: str = option("mixed", "one image of each category in turn (mixed), or 1000 of each", ORDERS, seeds=False)
    resolution: int = option(SIZE, f"height and width of the images, in pixels; at most {SIZE}", seeds=False)
    seed: int = option(0, "another seed gives other map choices and patterns; the categories stay")

    def __post_init__(self) -> None:
        check(self)
        if self.resolution > SIZE:
            raise UserError(f"fractals are drawn at {SIZE} pixels; pass a --resolution of at most {SIZE}")

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], gray as RGB."""
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            category, weights, pattern, flip = self.instance(int(index))
            picture = _picture(stream_key(self), category, weights, pattern, self.resolution)
            for channel in range(3):
                image[..., channel] = flipped(picture, flip)
        return images

    def instance(self, index: int) -> tuple[int, int, int, int]:
        """What image `index` shows: category 0..999, weights 0..24, pattern 0.., flip 0..3 (none, TB, LR, both)."""
        count = len(categories())
        if self.order == "by_category":
            rest, number = divmod(index, INSTANCES)
            rounds, category = divmod(rest, count)
        else:
            rest, category = divmod(index, count)
            rounds, position = divmod(rest, INSTANCES)
            number = int(_instance_orders(stream_key(self))[category, position])
        rest, flip = divmod(number, FLIPS)
        weights, pattern = divmod(rest, PATTERNS)
        return category, weights, PATTERNS * rounds + pattern, flip


def flipped(picture: np.ndarray, flip: int) -> np.ndarray:
    """The picture, [N, N] with rows as y grows, as it is seen: y up, then flip 0..3 (none, TB, LR, both)."""
    return picture[:: 1 if flip % 2 else -1, :: -1 if flip >= 2 else 1]


# What is kept between images: in order `by_category`, 40 of them share their points, and 4, the flips, a picture.


@functools.lru_cache(maxsize=1)
def _picture(key: int, category: int, weights: int, pattern: int, resolution: int) -> np.ndarray:
    """One picture of the stream `key`, before flips: uint8 [resolution, resolution], rows as y grows."""
    last = _last_points(key, category, weights)
    picture = paste_patches(last, np.uint64(stable_key(key, category, weights, pattern)))
    if resolution == SIZE:
        return picture
    return np.asarray(Image.fromarray(picture).resize((resolution, resolution), Image.Resampling.BILINEAR))


@functools.lru_cache(maxsize=1)
def _last_points(key: int, category: int, weights: int) -> np.ndarray:
    maps = categories()[category]
    choices = choose_maps(maps, _uniforms(key))
    parameter, factor = VERSIONS[weights]
    while True:
        weighted = maps.copy()
        weighted[:, parameter] *= factor
        try:
            return last_points(weighted, choices, SIZE, LEAST_FILLED)
        except Degenerate:
            if factor == 1:  # impossible with the categories of the file
                raise
            factor = 1 + (factor - 1) * 2 / 3


@functools.lru_cache(maxsize=1)
def _uniforms(key: int) -> np.ndarray:
    return generator(key, 0).random(POINTS - 1, np.float32)


@functools.lru_cache(maxsize=1)
def _instance_orders(key: int) -> np.ndarray:
    numbers = np.tile(np.arange(INSTANCES, dtype=np.uint16), (len(categories()), 1))
    return generator(key, 1).permuted(numbers, axis=1)
