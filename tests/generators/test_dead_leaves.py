"""Dead leaves: the fast painter against the plain one, and the drawn leaves against the distributions they claim."""

import numpy as np
import pytest
from scipy import stats

from generators import dead_leaves
from generators.dead_leaves import (
    CIRCLE,
    MAX_LEAVES,
    MIXED,
    ORDERS,
    RADII,
    SHAPES,
    SQUARE,
    TRIANGLE,
    UNSEEN,
    DeadLeaves,
    all_bare,
    colours,
    corners,
    draw_leaves,
    kind_of,
    paint_under,
    place,
)
from tests.files import user_error
from tests.generators.plain_generators import dead_leaves_original, inside_leaf, paint_over
from utils.seeding import generator

IMAGES = 300


@pytest.mark.parametrize("resolution", [1, 7, 32, 64, 65, 130])  # words of 64 pixels: part of one, whole ones, both
@pytest.mark.parametrize("shape", SHAPES)
def test_painting_under_equals_painting_the_reversed_list_over(shape, resolution):
    u, number = draw_leaves(generator(1, resolution), 150, shape), SHAPES.index(shape)
    bare, fast, unseen = all_bare(resolution), np.full((resolution, resolution), -1, np.int32), all_bare(resolution)
    for start in range(0, 150, 40):  # in parts, as it is used
        part = u[start : start + 40]
        laid = paint_under(part, number, start, bare, fast, False)
        assert paint_under(part, number, start, unseen, UNSEEN, False) == laid
        np.testing.assert_array_equal(unseen, bare)
        assert laid == len(part) or not bare.any()
    plain = paint_over(u[::-1], number, resolution)
    np.testing.assert_array_equal(fast, np.where(plain < 0, -1, 149 - plain))
    bits = np.unpackbits(bare.astype("<i8").view(np.uint8), axis=1, bitorder="little")[:, :resolution]
    np.testing.assert_array_equal(bits, fast < 0)

    bare, fast = all_bare(resolution), np.full((resolution, resolution), -1, np.int32)
    paint_under(u, number, 0, bare, fast, True)  # from the newest back
    np.testing.assert_array_equal(fast, paint_over(u, number, resolution))


@pytest.mark.parametrize(("resolution", "images"), [
    (20, 4), (128, 1), pytest.param(20, 200, marks=pytest.mark.slow), pytest.param(128, 30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES)
def test_original_order_equals_the_plain_painter(shape, resolution, images):
    process = DeadLeaves(shape, resolution=resolution, seed=images)
    assert process.order == "original"
    for index, image in enumerate(process.render(range(images))):
        np.testing.assert_array_equal(image, dead_leaves_original(process, index))


def test_original_order_gives_up_after_5000_leaves():
    process = DeadLeaves("triangle", resolution=64)
    bare = [index for index in range(40) if (process.labels_and_leaves(index)[0] < 0).any()]
    assert bare, "some of 40 images of thin triangles should still have gaps"
    image, (labels, leaves) = process.render(bare[:1])[0], process.labels_and_leaves(bare[0])
    assert len(leaves) == MAX_LEAVES and (image[labels < 0] == 0).all()
    np.testing.assert_array_equal(image, dead_leaves_original(process, bare[0]))


@pytest.mark.parametrize("chunk", [1, 8, 5000])
def test_images_do_not_depend_on_how_many_leaves_are_drawn_at_a_time(chunk, monkeypatch):
    processes = [DeadLeaves("mixed", resolution=24, order=order) for order in ORDERS]
    before = [process.render(range(20)) for process in processes]
    monkeypatch.setattr(dead_leaves, "LEAVES_AT_ONCE", chunk)
    for process, images in zip(processes, before, strict=True):
        np.testing.assert_array_equal(process.render(range(20)), images)


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest_first_fills_the_frame(shape):
    process = DeadLeaves(shape, resolution=48, order="nearest_first")
    labels, leaves = process.labels_and_leaves(5)
    assert labels.min() >= 0
    assert labels.shape == (48, 48) and labels.dtype == np.int32
    np.testing.assert_array_equal(process.render([5])[0], colours(leaves)[labels])
    plain = paint_over(leaves[::-1], SHAPES.index(shape), 48)
    np.testing.assert_array_equal(labels, len(leaves) - 1 - plain)


def test_both_orders_lay_equally_many_leaves_but_leave_another_on_top():
    """The frame is first full at a time of one law; the leaf that fills it is on top in the original order, and larger
    than one chosen without regard to the frame."""
    size, counts, top = 32, {}, {}
    for order in ORDERS:
        found = [DeadLeaves("square", size, order=order).labels_and_leaves(i) for i in range(1000)]
        counts[order] = [len(leaves) for _, leaves in found]
        top[order] = np.array([(labels == (len(leaves) - 1 if order == "original" else 0)).mean()
                               for labels, leaves in found])
    assert stats.ks_2samp(*counts.values()).pvalue > 0.001
    # The share of any one square: columns it covers from each centre, squared as rows are alike, over all radii.
    half = (np.maximum((RADII * size).astype(int), 1) * np.sqrt(0.5)).astype(int)
    centre = np.arange(size)[:, None]
    columns = np.minimum(centre + half, size - 1) - np.maximum(centre - half, 0) + 1
    share = nearest_entry_weights() @ (columns.mean(axis=0) / size) ** 2
    error = {order: values.std() / len(values) ** 0.5 for order, values in top.items()}
    assert abs(top["nearest_first"].mean() - share) < 4 * error["nearest_first"]
    assert top["original"].mean() - 10 * share > 4 * error["original"]


def test_seed_shape_and_index_matter():
    images = [DeadLeaves("square", 32, 0).render([0]), DeadLeaves("square", 32, 1).render([0]),
              DeadLeaves("circle", 32, 0).render([0]), DeadLeaves("square", 32, 0).render([1])]
    assert len({image.tobytes() for image in images}) == 4


@pytest.mark.parametrize("shape", ["square", "mixed"])
def test_drawing_in_parts_draws_the_same_leaves(shape):
    whole = draw_leaves(generator(2, 0), 30, shape)
    rng = generator(2, 0)
    parts = [draw_leaves(rng, count, shape) for count in (11, 19)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def leaves_of(shape: str, count: int) -> np.ndarray:
    """The first leaves of 300 images, whether they are seen or not: float32 [300 * count, >= 6]."""
    return np.concatenate([draw_leaves(generator(3, i), count, shape) for i in range(IMAGES)])


def size_pvalue(radii: np.ndarray, weights: np.ndarray, resolution: int) -> float:
    """Kolmogorov and Smirnov's test of radii in pixels; weights: of the entries of the radius grid. On the safe side,
    as the law has steps."""
    pixels = np.maximum((RADII * resolution).astype(int), 1)
    law = np.cumsum(weights) / weights.sum()
    ends = np.append(np.flatnonzero(np.diff(pixels)), len(pixels) - 1)  # the last entry of each radius
    found = np.searchsorted(np.sort(radii), pixels[ends], side="right") / len(radii)
    return stats.kstwo.sf(np.abs(found - law[ends]).max(), len(radii))


def nearest_entry_weights() -> np.ndarray:
    cumulative = np.cumsum(RADII**-3.0 - 1) / np.sum(RADII**-3.0 - 1)
    return np.diff((cumulative[:-1] + cumulative[1:]) / 2, prepend=0, append=1)


def test_radii_follow_the_nearest_entry_rule():
    weights = RADII**-3.0 - 1
    cumulative = np.cumsum(weights) / weights.sum()
    u = leaves_of("square", 64)
    radii = np.array([place(row, 128)[2] for row in u])
    nearest = np.array([np.abs(cumulative - float(row[0])).argmin() for row in u])  # the rule as it is stated
    np.testing.assert_array_equal(radii, np.maximum((RADII[nearest] * 128).astype(int), 1))
    assert size_pvalue(radii, nearest_entry_weights(), 128) > 0.001
    # Published facts of this law: the smallest radius, 3 pixels at 128, has probability 0.365 through the lookup.
    assert stats.binomtest(int((nearest == 0).sum()), len(u), 0.365).pvalue > 0.001 and radii.min() == 3


def test_a_pixel_shows_a_leaf_by_its_area():
    process, size = DeadLeaves("square", resolution=32, order="nearest_first"), 32  # the stationary law
    seen = []
    for i in range(1000):
        labels, leaves = process.labels_and_leaves(i)
        seen.append(place(leaves[labels[size // 2, size // 2]], size)[2])
    # A square covers the middle pixel from so many columns of the frame, and as many rows.
    half = (np.maximum((RADII * size).astype(int), 1) * np.sqrt(0.5)).astype(int)
    places = np.minimum(half, size // 2) + 1 + np.minimum(half, size // 2 - 1)
    assert size_pvalue(np.array(seen), nearest_entry_weights() * places**2, size) > 0.001


def test_centres_and_colours_are_uniform_integers():
    u = leaves_of("circle", 64)
    x, y, _ = np.array([place(row, 100) for row in u]).T
    for values, count in [(x, 100), (y, 100), *((channel, 255) for channel in colours(u).T)]:
        frequencies = np.bincount(values, minlength=count)
        assert len(frequencies) == count  # none outside 0 .. count - 1
        assert stats.chisquare(frequencies).pvalue > 0.001
    # Ten correlations of independent numbers, each of deviation 1 / sqrt(leaves).
    assert abs(np.corrcoef(np.column_stack([x, y, colours(u)]).T) - np.eye(5)).max() < 4 / len(u) ** 0.5


def test_mixed_has_the_six_shapes_at_equal_chances():
    kinds = [kind_of(row, MIXED) for row in leaves_of("mixed", 64)]
    assert stats.chisquare(np.bincount(kinds, minlength=6)).pvalue > 0.001


@pytest.mark.parametrize("shape", SHAPES[1:-1])
def test_corners_follow_their_definition(shape):
    u = leaves_of(shape, 16)
    points = np.array([corners(row, SHAPES.index(shape), 10) for row in u])
    np.testing.assert_allclose(np.hypot(points[..., 0], points[..., 1]), 10, rtol=1e-6)  # all on the circle
    angles = np.arctan2(points[..., 1], points[..., 0]) % (2 * np.pi)
    uniform = {"oriented_square": (angles[:, 0] % (np.pi / 2)) / (np.pi / 2), "rectangle": angles[:, 0] / (np.pi / 2)}
    if shape == "square":
        np.testing.assert_allclose(np.sort(np.abs(points[0]).ravel()), 10 / np.sqrt(2))  # side: radius times root 2
    elif shape in uniform:
        assert stats.kstest(uniform[shape], "uniform").pvalue > 0.001
        sides = points - np.roll(points, 1, axis=1)
        np.testing.assert_allclose((sides * np.roll(sides, 1, axis=1)).sum(2), 0, atol=1e-4)  # right angles
    else:
        count = 3 if shape == "triangle" else 4
        assert (np.diff(angles, axis=1) >= 0).all()
        # Order statistics of independent uniform angles.
        assert stats.kstest(angles[:, 0] / (2 * np.pi), stats.beta(1, count).cdf).pvalue > 0.001
        assert stats.kstest(angles[:, -1] / (2 * np.pi), stats.beta(count, 1).cdf).pvalue > 0.001


def test_pixel_rule_by_hand():
    # Radius 3, centre (50, 50), black, corners at 45, 135 and 270 degrees.
    u = np.array([0, 0.5, 0.5, 0, 0, 0, 0.125, 0.375, 0.75], np.float32)
    assert inside_leaf(u, CIRCLE, 100).sum() == 29  # lattice points with x² + y² <= 9
    assert inside_leaf(u, SQUARE, 100).sum() == 25  # half side 2.12
    assert inside_leaf(u, TRIANGLE, 100)[48:53].sum(axis=1).tolist() == [1, 1, 3, 3, 5]


@pytest.mark.parametrize("options", [{"shape": "star"}, {"order": "backwards"}, {"resolution": 0},
                                     {"resolution": 16385}])
def test_unknown_values_are_refused(options):
    user_error(next(iter(options)), DeadLeaves, **options)
