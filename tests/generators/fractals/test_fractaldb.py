"""FractalDB: the compiled game against a pure-Python one, bit for bit; systems without a picture; orders and flips."""

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from generators.fractals.fractaldb import (
    FAR,
    INSTANCES,
    LEAST_FILLED,
    SIZE,
    VERSIONS,
    Degenerate,
    FractalDB,
    _last_points,
    categories,
    chaos_game,
    choose_maps,
    last_points,
    mark,
    paste_patches,
    patch_mask,
)
from generators.process import stream_key
from tests.files import user_error
from tests.generators import plain_fractaldb as plain
from utils.seeding import generator


def uniforms(count: int, stream: int = 0) -> np.ndarray:
    return generator(100, stream).random(count, np.float32)


@pytest.mark.parametrize("category", range(0, 1000, 53))
def test_chaos_game_and_patches_equal_pure_python(category):
    maps, u, key = categories()[category], uniforms(3000, category), 2**63 + 12345 * category
    points, bounds = chaos_game(maps, choose_maps(maps, u))
    areas = [abs(a * d - b * c) for a, b, c, d, _, _ in maps.tolist()]
    expected = plain.chaos_game(maps.tolist(), areas, u.tolist())
    np.testing.assert_array_equal(points, expected)
    assert bounds == (points[:, 0].min(), points[:, 0].max(), points[:, 1].min(), points[:, 1].max())

    last, pixels = mark(points, bounds, 64), plain.pixels(expected, 64)
    assert {(row, column) for column, row in pixels} == set(zip(*np.nonzero(last), strict=True))
    assert all(last[row, column] >= number for number, (column, row) in enumerate(pixels, 1))
    assert pixels[last.max() - 1] == tuple(np.argwhere(last == last.max())[0][::-1])
    np.testing.assert_array_equal(paste_patches(last, np.uint64(key)), plain.paste(pixels, key, 64))


@pytest.mark.parametrize("index, order", [(0, "mixed"), (104_999, "mixed"), (123_166, "by_category")])
def test_images_equal_pure_python(index, order):
    process = FractalDB(order=order)
    np.testing.assert_array_equal(process.render([index])[0], plain.fractaldb_plain(process, index))


def test_a_version_that_runs_off_equals_pure_python():
    process = FractalDB(order="by_category")
    moved = [c for c in range(40) if runs_off(process, c, VERSIONS.index((0, 1.8)))]
    assert len(moved) > 5  # about half of them do
    index = INSTANCES * moved[0] + 40 * VERSIONS.index((0, 1.8))
    np.testing.assert_array_equal(process.render([index])[0], plain.fractaldb_plain(process, index))


def runs_off(process: FractalDB, category: int, weights: int) -> bool:
    maps = categories()[category].copy()
    choices = choose_maps(maps, generator(stream_key(process), 0).random(199_999, np.float32))
    maps[:, VERSIONS[weights][0]] *= VERSIONS[weights][1]
    try:
        last_points(maps, choices, SIZE, LEAST_FILLED)
    except Degenerate:
        return True
    return False


def test_a_fractal_by_hand():
    maps = np.array([[0.5, 0, 0, 0.5, e, f] for e, f in ((0, 0), (0.5, 0), (0, 0.5))])
    points, _ = chaos_game(maps, choose_maps(maps, uniforms(20_000)))
    last = mark(points, (0.0, 1.0, 0.0, 1.0), 64 + 12)
    # Sierpinski's triangle: no binary digit is 1 in both coordinates. Its 729 cells of 1/64 get 27 points each.
    row, column = np.mgrid[:64, :64]
    np.testing.assert_array_equal(last[6:70, 6:70] > 0, row & column == 0)
    assert np.count_nonzero(last) == 3**6


def test_maps_are_chosen_by_their_areas():
    maps = np.array([[0.5, 0, 0, 0.5, 0, 0], [0, -0.5, 0.2, 0, 0, 0], [0.9, 0.4, 0, 0.5, 0, 0], [1, 1, 1, 1, 0, 0]])
    choices = choose_maps(maps, uniforms(100_000))
    expected = 100_000 * np.array([0.25, 0.1, 0.45]) / 0.8
    counts = np.bincount(choices, minlength=4)
    assert counts[3] == 0  # no area
    assert stats.chisquare(counts[:3], expected).pvalue > 0.001


def test_masks_are_uniform_and_independent():
    masks = np.array([[patch_mask(np.uint32(point), np.uint64(key)) for point in range(1, 20_001)]
                      for key in (0, 1, 2**32, 2**63 + 9)])
    assert masks.min() == 1 and masks.max() == 511
    for row in masks:
        assert stats.chisquare(np.bincount(row)[1:]).pvalue > 0.001
    neighbours = np.concatenate([masks[:, 1:].ravel(), masks[1:].ravel()])
    partners = np.concatenate([masks[:, :-1].ravel(), masks[:-1].ravel()])
    # Correlations of 140,000 independent pairs have deviation 1 / sqrt(140,000) = 0.0027.
    assert abs(np.corrcoef(neighbours, partners)[0, 1]) < 4 * 0.0027


def test_half_of_the_covered_pixels_are_gray():
    process = FractalDB()
    for index in range(5):
        last = _last_points(stream_key(process), *process.instance(index)[:2])
        covered = np.zeros((SIZE, SIZE), bool)
        for i in range(1, 4):
            for j in range(1, 4):
                covered[i:, j:] |= last[:-i, :-j] > 0
        picture = paste_patches(last, np.uint64(index))
        assert set(np.unique(picture)) == {0, 127} and not picture[~covered].any()
        # A bit is set in 256 of the 511 masks. Bits of a mask are nearly independent, so n pixels vary like n draws.
        assert (picture[covered] > 0).mean() == pytest.approx(256 / 511, abs=4 * 0.5 / np.sqrt(covered.sum()))


@pytest.mark.parametrize("maps, reason", [
    ([[0.5, 0, 0, 0.5, 0, 0], [0.3, 0.1, 0, 0.2, 0, 0]], "collapsed"),  # never leaves (0, 0)
    ([[0.5, 0.1, 0, 0.5, 0.3, 0], [0.3, 0.1, 0, 0.2, 0.1, 0]], "collapsed"),  # stays on the line y = 0
    ([[0.5, 0.5, 0.5, 0.5, 0.1, 0.2]], "collapsed"),  # no area
    ([[0.9, 0.9, -0.9, 0.9, 0.1, 0.2], [0.9, -0.9, 0.9, 0.9, 0.3, 0.1]], "overflowing"),  # grows by 1.27 each step
    ([[1.8, -1.8, 1.8, 1.8, 1, 0], [-1.8, 1.8, 1.8, 1.8, 0, 1]], "overflowing"),  # infinity minus infinity
    ([[0.5, 0.0, 0, 0.5, 0.5, 0.5], [0.5, 0, 0, 0.5, 0, 0]], "sparse"),  # a diagonal line
])
def test_systems_without_a_picture_are_rejected(maps, reason):
    maps = np.array(maps, float)
    with pytest.raises(Degenerate, match=reason):
        last_points(maps, choose_maps(maps, uniforms(10_000)), 128, 0.02)
    areas = [abs(a * d - b * c) for a, b, c, d, _, _ in maps.tolist()]
    if sum(areas) > 0 and reason != "sparse":
        assert plain.pixels(plain.chaos_game(maps.tolist(), areas, uniforms(10_000).tolist()), 128) is None


def test_no_version_is_nearly_blank():
    key = stream_key(FractalDB())
    for category, weights in generator(101, 0).integers((0, 0), (1000, 25), (300, 2)).tolist():
        assert np.count_nonzero(_last_points(key, category, weights)) >= 0.01 * SIZE**2


@pytest.mark.slow
def test_no_version_of_any_category_is_nearly_blank():
    key = stream_key(FractalDB())
    for category in range(1000):
        for weights in range(25):
            assert np.count_nonzero(_last_points(key, category, weights)) >= 0.01 * SIZE**2


def test_both_orders_show_the_same_million_images():
    mixed, sorted_ = FractalDB(), FractalDB(order="by_category")
    shown = {mixed.instance(1000 * k + 7) for k in range(1000)}
    assert shown == {sorted_.instance(7000 + k) for k in range(1000)} and len(shown) == 1000
    assert {mixed.instance(i)[0] for i in range(1000, 2000)} == set(range(1000))
    assert {sorted_.instance(i)[0] for i in range(999_000, 1_000_000)} == {999}
    weights, flips = np.array([mixed.instance(i) for i in range(10_000)]).T[[1, 3]]
    # Ten random instances of each category: each weight 400 times on average, each flip 2500 times.
    assert stats.chisquare(np.bincount(weights)).pvalue > 0.001 and stats.chisquare(np.bincount(flips)).pvalue > 0.001
    assert sorted_.instance(1_000_000 + 7041) == (7, 1, 10, 1)  # the second million goes on with new patterns


def test_flips_patterns_and_weights():
    images = FractalDB(order="by_category").render([0, 1, 2, 3, 4, 40])
    none = images[0]
    np.testing.assert_array_equal(images[1], none[::-1])
    np.testing.assert_array_equal(images[2], none[:, ::-1])
    np.testing.assert_array_equal(images[3], none[::-1, ::-1])
    # Another pattern: the same pixels, half of them changed. Other weights: another shape.
    assert 0.4 < (images[4] != none)[none > 0].mean() < 0.6
    assert abs(int((images[4] > 0).sum()) - int((none > 0).sum())) < 0.02 * (none > 0).sum()
    assert (images[5] != none).mean() > 0.1


def test_small_images_are_reduced_large_ones():
    large, small = FractalDB().render([8]), FractalDB(resolution=128).render([8])
    assert small.shape == (1, 128, 128, 3) and small.dtype == np.uint8 and small.max() <= 127
    reduced = np.asarray(Image.fromarray(large[0]).resize((128, 128), Image.Resampling.BILINEAR))
    assert np.abs(small[0].astype(int) - reduced).max() <= 1  # flipped before or after


@pytest.mark.parametrize("options, message", [
    ({"resolution": 363}, "at most 362"), ({"resolution": 0}, "resolution"), ({"order": "sorted"}, "by_category")])
def test_bad_options_are_refused(options, message):
    user_error(message, FractalDB, **options)


@pytest.mark.parametrize("e, reason", [(0.9 * FAR, "overflowing"), (0.4 * FAR, None), (4 / FAR, None),
                                       (0.4 / FAR, "collapsed"), (1e-320, "collapsed")])
def test_coordinates_may_be_large_and_small_up_to_a_point(e, reason):
    maps, choices = np.array([[0.5, 0, 0, 0.5, e, 1]]), np.zeros(3, np.uint8)  # spans 1.75 e
    if reason is None:
        assert last_points(maps, choices, 32, 0).max() == 4
    else:
        with pytest.raises(Degenerate, match=reason):
            last_points(maps, choices, 32, 0)
