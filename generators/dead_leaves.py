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

Two orders. `nearest_first` lays each leaf under those before it until no pixel is bare: as nothing laid later can
show, this is an exact draw of what a process that has run for ever shows in the frame. `original` lays each leaf on
top, as the authors' code did, and stops as soon as every pixel has been covered or 5,000 leaves are laid; the last
leaf, chosen by this rule, tends to be large. docs/dead_leaves.md measures the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from generators.process import check, option, stream_key
from utils.seeding import generator

ORDERS = ("nearest_first", "original")
SHAPES = ("circle", "square", "oriented_square", "rectangle", "triangle", "quadrilateral", "mixed")
CIRCLE, SQUARE, ORIENTED_SQUARE, RECTANGLE, TRIANGLE, QUADRILATERAL, MIXED = range(7)
ANGLES = dict(zip(SHAPES, (0, 0, 1, 1, 3, 4, 4), strict=True))  # uniform numbers that the corners of each take
MAX_LEAVES = 5000  # in the original order
CHUNK = 384  # leaves drawn at a time; the images do not depend on it

RADII = np.linspace(0.03, 1, 200)
RADIUS_CDF = np.cumsum(RADII**-3 - 1) / np.sum(RADII**-3 - 1)
RADIUS_STEPS = (RADIUS_CDF[:-1] + RADIUS_CDF[1:]) / 2  # the nearest entry changes half-way between two entries


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
    entry = 0
    while entry < len(RADIUS_STEPS) and u[0] > RADIUS_STEPS[entry]:  # 4 steps on average, as most leaves are small
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


@njit(cache=True, nogil=True)
def paint_under(u: np.ndarray, shape: int, first: int, labels: np.ndarray) -> int:
    """Lay leaves number `first`, `first` + 1, ... each under what is there. Returns how many pixels are still bare.

    u: as `draw_leaves` returns it. shape: position in SHAPES.
    labels: int32 [N, N], the number of the leaf seen at each pixel, -1 where bare; changed in place.
    """
    size = len(labels)
    bare = 0
    leftmost, rightmost = np.full(size, size), np.full(size, -1)  # bare pixel of each row, as we begin
    for row in range(size):
        line, count = labels[row], 0
        for column in range(size):
            count += line[column] < 0
        if count > 0:
            leftmost[row], rightmost[row] = 0, size - 1
            while line[leftmost[row]] >= 0:
                leftmost[row] += 1
            while line[rightmost[row]] >= 0:
                rightmost[row] -= 1
            bare += count

    # The sides of the leaf at hand, as lines x = start + slope * y: where it is to the left of them, and to the right.
    left_start, left_slope, right_start, right_slope = np.empty(4), np.empty(4), np.empty(4), np.empty(4)
    for n in range(len(u)):
        if bare == 0:
            break
        x, y, radius = place(u[n], size)
        top, bottom = max(y - radius, 0), min(y + radius, size - 1)
        while top <= bottom and (x + radius < leftmost[top] or x - radius > rightmost[top]):
            top += 1
        if top > bottom:  # no bare pixel near, as for most late leaves
            continue

        kind = kind_of(u[n], shape)
        if kind != CIRCLE:
            points = corners(u[n], kind, radius)
            lowest, highest = points[0][1], points[0][1]
            for i in range(4):
                (ax, ay), (bx, by) = points[i], points[(i + 1) % 4]
                lowest, highest = min(lowest, ay), max(highest, ay)
                left_start[i], left_slope[i], right_start[i], right_slope[i] = np.inf, 0.0, -np.inf, 0.0
                # With corners by rising angle, the leaf is to the left of edges where y rises. Level ones bound no x.
                slope = (bx - ax) / (by - ay) if by != ay else 0.0
                if by > ay:
                    left_start[i], left_slope[i] = ax - ay * slope, slope
                elif by < ay:
                    right_start[i], right_slope[i] = ax - ay * slope, slope
            top = max(top, y + int(np.ceil(lowest)))
            bottom = min(bottom, y + int(np.floor(highest)))

        for row in range(top, bottom + 1):
            if x + radius < leftmost[row] or x - radius > rightmost[row]:
                continue
            # The leaf covers low..high of this row, measured from its centre.
            if kind == CIRCLE:
                high = np.sqrt(radius**2 - (row - y) ** 2)
                low = -high
            else:
                low, high = -float(radius), float(radius)
                for i in range(4):
                    high = min(high, left_start[i] + left_slope[i] * (row - y))
                    low = max(low, right_start[i] + right_slope[i] * (row - y))
            if low > high:
                continue
            line = labels[row, max(x + int(np.ceil(low)), 0) : max(min(x + int(np.floor(high)), size - 1) + 1, 0)]
            for column in range(len(line)):
                is_bare = line[column] < 0
                line[column] = first + n if is_bare else line[column]  # without a branch, for the compiler's vectors
                bare -= is_bare
    return bare


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
    order: str = option("nearest_first", "how leaves are laid: exact, or as the authors did", ORDERS)

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
        original order only), and leaves, float32 [leaves, >= 6], as `draw_leaves` returns them.
        """
        rng = generator(stream_key(self), int(index))
        return self._nearest_first(rng) if self.order == "nearest_first" else self._original(rng)

    def _empty(self) -> np.ndarray:
        return np.full((self.resolution, self.resolution), -1, np.int32)

    def _nearest_first(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        labels, leaves = self._empty(), []
        bare = labels.size
        while bare > 0:
            u = draw_leaves(rng, CHUNK, self.shape)
            bare = paint_under(u, SHAPES.index(self.shape), CHUNK * len(leaves), labels)
            leaves.append(u)
        return labels, np.concatenate(leaves)

    def _original(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        u, shape = draw_leaves(rng, MAX_LEAVES, self.shape), SHAPES.index(self.shape)
        # When the frame is first full does not depend on the order, so a first pass finds it ...
        labels = self._empty()
        laid = labels.max() + 1 if paint_under(u, shape, 0, labels) == 0 else MAX_LEAVES
        # ... and those leaves laid nearest first, from the newest back, look the same as the newest on top.
        labels = self._empty()
        paint_under(u[:laid][::-1], shape, 0, labels)
        return np.where(labels < 0, -1, laid - 1 - labels).astype(np.int32), u[:laid]


if __name__ == "__main__":
    from generators.command import process_command

    process_command("dead_leaves.DeadLeaves")
