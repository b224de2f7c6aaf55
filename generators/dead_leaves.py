"""Dead leaves: opaque shapes of random size, place and colour, one on another, until they fill the frame.

    python -m generators.dead_leaves --shape oriented_square --output data/my_leaves --samples 100
    python -m generators.dead_leaves --shape mixed --resolution 256 --seed 1 --output data/my_mixed --samples 100
    python -m generators dead_leaves-oriented          # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.1. The rules by
which a leaf is drawn are those of the authors' code:

* radius: r on a grid of 200 values from 0.03 to 1 with weights r^-3 - 1; a uniform number picks the grid entry whose
  cumulative probability is *nearest* (so the smallest radius has probability 0.365, not its weight 0.277);
  in pixels max(int(r * resolution), 1);
* centre: integer pixel coordinates, uniform in the frame;
* colour: three independent integers, uniform in 0..254;
* shape: `circle` is the disc; all others are polygons with their corners on the circle of that radius: `square` (sides
  along the axes), `oriented_square` (uniform angle), `rectangle` (sides along the axes, angle of one corner uniform in
  (0, pi/2)), `triangle` and `quadrilateral` (corners at 3 or 4 independent uniform angles); `mixed` picks one of the
  six at equal chances for each leaf.

A pixel belongs to a leaf if its integer coordinates lie in the closed shape; nothing is antialiased.

Two orders. `original`, the default, lays each leaf on top, as the authors' code did, and stops as soon as every pixel
has been covered or 5,000 leaves are laid; the last leaf, chosen by this rule, tends to be large. (The authors call a
pixel bare while it is black, so a leaf of colour (0, 0, 0), one in 16.6 million, does not count for them; here it
does.) `nearest_first` lays each leaf under those before it until no pixel is bare: as nothing laid later can show, this
is an exact draw of what a process that has run for ever shows in the frame. docs/dead_leaves.md: what differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from generators.process import check, option, stream_key
from utils.seeding import generator

ORDERS = ("original", "nearest_first")
SHAPES = ("circle", "square", "oriented_square", "rectangle", "triangle", "quadrilateral", "mixed")
CIRCLE, SQUARE, ORIENTED_SQUARE, RECTANGLE, TRIANGLE, QUADRILATERAL, MIXED = range(7)
ANGLES = dict(zip(SHAPES, (0, 0, 1, 1, 3, 4, 4), strict=True))  # uniform numbers that the corners of each take
MAX_LEAVES = 5000  # in the original order
LEAVES_AT_ONCE = 500  # leaves drawn at a time, a divisor of MAX_LEAVES; the images do not depend on it
UNSEEN = np.empty((0, 0), np.int32)  # labels of leaves that are only counted

RADII = np.linspace(0.03, 1, 200)
RADIUS_CDF = np.cumsum(RADII**-3 - 1) / np.sum(RADII**-3 - 1)
RADIUS_STEPS = (RADIUS_CDF[:-1] + RADIUS_CDF[1:]) / 2  # the nearest entry changes half-way between two entries
RADIUS_HINTS = np.searchsorted(RADIUS_STEPS, np.arange(1024) / 1024)  # where to begin to look for a number's entry


def draw_leaves(rng: np.random.Generator, count: int, shape: str) -> np.ndarray:
    """The randomness of `count` leaves; drawing n and then m gives the same leaves as drawing n + m.

    Returns u, float32 [count, >= 6], uniform in [0, 1). A row is a leaf: its radius, x, y, red, green and blue, then
    its angles and, for `mixed`, its kind. `kind_of`, `place`, `corners` and `colours` say what the numbers mean.
    """
    return rng.random((count, 6 + ANGLES[shape] + (shape == "mixed")), np.float32)


@njit(cache=True, nogil=True)
def kind_of(u: np.ndarray, shape: int) -> int:
    """What kind a leaf is, a position in SHAPES: `shape` itself or, if that is MIXED, one of the first six."""
    return int(u[10] * 6) if shape == MIXED else shape


@njit(cache=True, nogil=True)
def place(u: np.ndarray, resolution: int) -> tuple[int, int, int]:
    """Column and row of a leaf's centre and its radius in pixels."""
    entry = RADIUS_HINTS[int(u[0] * len(RADIUS_HINTS))]
    while entry < len(RADIUS_STEPS) and u[0] > RADIUS_STEPS[entry]:
        entry += 1
    return int(u[1] * resolution), int(u[2] * resolution), max(int(RADII[entry] * resolution), 1)


@njit(cache=True, nogil=True)
def corners(u: np.ndarray, kind: int, radius: int) -> tuple[tuple[float, float], ...]:
    """A polygon's four corners (x, y), measured from its centre, by rising angle. A triangle has one twice."""
    if kind in (TRIANGLE, QUADRILATERAL):
        a, b, c, d = sorted4(u[6], u[7], u[8], u[8] if kind == TRIANGLE else u[9])
        return on_circle(a, radius), on_circle(b, radius), on_circle(c, radius), on_circle(d, radius)
    if kind == SQUARE:
        half = radius * np.sqrt(0.5)
        return (half, half), (-half, half), (-half, -half), (half, -half)
    x, y = on_circle(u[6] / np.float32(4), radius)
    if kind == RECTANGLE:
        return (x, y), (-x, y), (-x, -y), (x, -y)
    return (x, y), (-y, x), (-x, -y), (y, -x)  # oriented square: of four equal angles, one is in the first quarter


@njit(cache=True, nogil=True)
def on_circle(turns: float, radius: int) -> tuple[float, float]:
    angle = np.float32(2 * np.pi) * turns
    return radius * float(np.cos(angle)), radius * float(np.sin(angle))


@njit(cache=True, nogil=True)
def colours(u: np.ndarray) -> np.ndarray:
    """Colours of leaves, uint8 [n, 3], each channel uniform in 0..254."""
    result = np.empty((len(u), 3), np.uint8)
    for n in range(len(u)):
        for c in range(3):
            result[n, c] = int(u[n, 3 + c] * 255)
    return result


@njit(cache=True, nogil=True)
def sorted4(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    a, b, c, d = min(a, b), max(a, b), min(c, d), max(c, d)
    a, b, c, d = min(a, c), min(b, d), max(a, c), max(b, d)
    return a, min(b, c), max(b, c), d


def all_bare(resolution: int) -> np.ndarray:
    """A bit for each pixel, int64 [N, ceil(N / 64)]: column c of a row is bit c % 64 of word c // 64."""
    bare = np.full((resolution, -(-resolution // 64)), -1)
    if resolution % 64:
        bare[:, -1] = 2 ** (resolution % 64) - 1
    return bare


@njit(cache=True, nogil=True)
def columns_of(word: int, start: int, end: int) -> int:
    """The bits of columns start..end that lie in a word of `all_bare`; start..end reaches into it."""
    return (-1 << max(start - 64 * word, 0)) & ~(-2 << min(end - 64 * word, 63))


@njit(cache=True, nogil=True)
def paint_under(u: np.ndarray, shape: int, first: int, bare: np.ndarray, labels: np.ndarray, newest: bool) -> int:
    """Lay leaves, each under what is there, until no pixel is bare. Returns how many were laid.

    u: the leaves, as `draw_leaves` returns them. shape: position in SHAPES. first: the number of u[0].
    bare: as `all_bare` returns it, for the pixels that are bare; changed in place.
    labels: int32 [N, N], the number of the leaf seen at each pixel, -1 where bare; changed in place. Or UNSEEN, where
    it is enough to know what is bare.
    newest: begin with the last leaf, not with the first.
    """
    size = len(bare)
    words_left = np.count_nonzero(bare)

    # The sides of the leaf at hand, as lines x = start + slope * y: where it is to the left of them, and to the right.
    low_sides, high_sides = np.empty((4, 2)), np.empty((4, 2))
    for n in range(len(u)):
        if words_left == 0:
            return n
        leaf = len(u) - 1 - n if newest else n
        x, y, radius = place(u[leaf], size)
        left, right = max(x - radius, 0), min(x + radius, size - 1)
        top, bottom = max(y - radius, 0), min(y + radius, size - 1)
        near = 0  # bare pixels
        for word in range(left >> 6, (right >> 6) + 1):
            for row in range(top, bottom + 1):
                near |= bare[row, word] & columns_of(word, left, right)
        if near == 0:  # as for most late leaves
            continue

        kind = kind_of(u[leaf], shape)
        if kind != CIRCLE:
            points = corners(u[leaf], kind, radius)
            lowest, highest, lows, highs = points[0][1], points[0][1], 0, 0
            for i in range(4):
                (ax, ay), (bx, by) = points[i], points[(i + 1) % 4]
                lowest, highest = min(lowest, ay), max(highest, ay)
                # With corners by rising angle, the leaf is to the left of edges where y rises. Level ones bound no x.
                if by != ay:
                    slope = (bx - ax) / (by - ay)
                    if by > ay:
                        high_sides[highs] = ax - ay * slope, slope
                        highs += 1
                    else:
                        low_sides[lows] = ax - ay * slope, slope
                        lows += 1
            top = max(top, y + int(np.ceil(lowest)))
            bottom = min(bottom, y + int(np.floor(highest)))

        for row in range(top, bottom + 1):
            # The leaf covers low..high of this row, measured from its centre.
            if kind == CIRCLE:
                high = np.sqrt(radius**2 - (row - y) ** 2)
                low = -high
            else:
                low, high = -float(radius), float(radius)
                for i in range(lows):
                    low = max(low, low_sides[i, 0] + low_sides[i, 1] * (row - y))
                for i in range(highs):
                    high = min(high, high_sides[i, 0] + high_sides[i, 1] * (row - y))
            start, end = max(x + int(np.ceil(low)), 0), min(x + int(np.floor(high)), size - 1)
            if start > end:
                continue
            seen = 0
            for word in range(start >> 6, (end >> 6) + 1):
                covered = bare[row, word] & columns_of(word, start, end)
                seen |= covered
                bare[row, word] ^= covered
                words_left -= covered != 0 and bare[row, word] == 0
            if seen != 0 and len(labels) > 0:
                line = labels[row, start : end + 1]
                for column in range(len(line)):  # without a branch, for the compiler's vectors
                    line[column] = first + leaf if line[column] < 0 else line[column]
    return len(u)


@njit(cache=True, nogil=True)
def colour_in(labels: np.ndarray, colours: np.ndarray, image: np.ndarray) -> None:
    """Give each pixel of `image`, uint8 [N, N, 3], the colour of its leaf; black where none is."""
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            leaf = labels[row, column]
            for c in range(3):
                image[row, column, c] = colours[leaf, c] if leaf >= 0 else 0


@dataclass(frozen=True)
class DeadLeaves:
    """Dead leaves with leaves of one shape, or of all six (`mixed`). Raises UserError for a value it does not know."""

    shape: str = option("square", "shape of the leaves", SHAPES)
    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")
    order: str = option("original", "how leaves are laid: as the authors did, or exact", ORDERS)

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            labels, leaves = self.labels_and_leaves(index)
            colour_in(labels, colours(leaves), image)
        return images

    def labels_and_leaves(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Which leaf each pixel of image `index` shows, and the leaves.

        Returns labels, int32 [resolution, resolution], numbering leaves in the order drawn (-1: bare, possible in the
        original order only), and the leaves laid, float32 [leaves, >= 6], as `draw_leaves` returns them.
        """
        rng, shape = generator(stream_key(self), int(index)), SHAPES.index(self.shape)
        labels, bare = np.full((self.resolution, self.resolution), -1, np.int32), all_bare(self.resolution)
        leaves, laid, original = [], 0, self.order == "original"
        while laid == len(leaves) * LEAVES_AT_ONCE and not (original and laid == MAX_LEAVES):
            leaves.append(draw_leaves(rng, LEAVES_AT_ONCE, self.shape))
            laid += paint_under(leaves[-1], shape, laid, bare, UNSEEN if original else labels, False)
        u = np.concatenate(leaves)[:laid]
        if original:  # when the frame is full does not depend on the order, so now lay them from the newest back
            paint_under(u, shape, 0, all_bare(self.resolution), labels, True)
        return labels, u


if __name__ == "__main__":
    from generators.command import process_command

    process_command("dead_leaves.DeadLeaves")
