"""Painting leaves: the fast painter, its blur and its shadows against plain ones."""

import numpy as np
import pytest
from scipy import ndimage

from generators.own.leaf_painter import (
    ANGLES,
    NO_LEAF,
    STEPS,
    blur,
    colour_in,
    lay_over,
    lit_image,
    paint_under,
    turns,
)
from generators.own.leaves import outlines, random_leaves
from utils.seeding import generator


def inside(outline: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    places = np.arctan2(v, u) / (2 * np.pi) % 1 * ANGLES
    radii = np.interp(places, np.arange(ANGLES + 1), np.append(outline, outline[0]))
    return np.hypot(u, v) <= radii


def painted(leaves: np.ndarray, shapes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and shades, leaf by leaf, each on what is there."""
    labels, shades = np.full((size, size), NO_LEAF), np.ones((size, size))
    rows, columns = np.mgrid[:size, :size]
    for n in reversed(range(len(leaves))):
        x, y, radius, c, s, narrow, hole, hole_u, hole_v, slope, dome = leaves[n].astype(float)
        dx, dy = (columns - x) / radius, (rows - y) / radius
        u, v = c * dx + s * dy, (c * dy - s * dx) * narrow
        seen = inside(shapes[n], u, v)
        if hole:
            seen &= ~inside(shapes[n - 1], (u - hole_u) / hole, (v - hole_v) / hole)
        labels[seen], shades[seen] = n, (1 + slope * u - dome * (u * u + v * v))[seen]
    return labels, shades


@pytest.mark.parametrize("count", [1, 30, 300])
def test_leaves_lie_under_those_before(count):
    size, rng = 70, generator(1, count)
    leaves, shapes = random_leaves(rng, count, size, 0.05, 0.6), outlines(rng, count)
    labels, shades = np.full((size, size), NO_LEAF, np.int32), np.ones((size, size), np.float32)
    paint_under(leaves, shapes, labels, shades)
    plain, plain_shades = painted(leaves, shapes, size)
    same = labels == plain
    assert same.mean() > 0.985  # angles are to 0.001 turns, which moves borders by a hundredth of a radius
    np.testing.assert_allclose(shades[same], plain_shades[same], atol=1e-3)


def test_angles():
    for angle in np.linspace(0, 2 * np.pi, 100, endpoint=False):
        error = turns(np.float32(3 * np.cos(angle)), np.float32(3 * np.sin(angle))) - angle / (2 * np.pi)
        assert abs((error + 0.5) % 1 - 0.5) < 0.001


def test_a_leaf_is_a_window_on_its_texture():
    size, rng = 8, generator(2, 0)
    labels, shades = rng.integers(-1, 2, (size, size), np.int32), rng.random((size, size), np.float32)
    textures = rng.integers(-100, 101, (2, size, size, 3)).astype(np.int8)
    windows = np.array([[1, 1, 0, 0, 0], [0, 0, 1, size - 1, 0]], np.float32)  # as it is; a quarter turn
    colours = np.zeros((2, 3, 4), np.float32)
    colours[:, :, :3], colours[:, :, 3] = 20 * np.eye(3), [[100], [60]]
    layer = colour_in(labels, shades, textures, windows, colours, 0, 0, 0.5)
    turned = [textures[1], textures[0].transpose(1, 0, 2)[::-1]]
    for leaf in range(2):
        plain = (20 / 32 * turned[leaf] + colours[leaf, 0, 3]).clip(0, 255) * shades[..., None]
        mine = labels == leaf
        np.testing.assert_allclose(layer[:3].transpose(1, 2, 0)[mine], plain[mine], rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(layer[3], labels != NO_LEAF)
    assert (layer[:, labels == NO_LEAF] == 0).all()


def test_what_is_nearer_throws_a_shadow():
    labels = np.ones((1, 12), np.int32)
    labels[0, 8:] = 0  # the nearer leaf is on the right, and so is the light
    labels = np.repeat(labels, 12, axis=0)
    colours = np.zeros((2, 3, 4), np.float32)
    colours[..., 3] = 200
    layer = colour_in(labels, np.ones((12, 12), np.float32), np.zeros((1, 4, 4, 3), np.int8),
                      np.zeros((2, 5), np.float32), colours, STEPS, 0, 0.4)
    np.testing.assert_allclose(layer[0, 0], 200 * np.repeat([1, 0.9, 0.9**2, 0.9**3, 0.9**4, 1], [4, 1, 1, 1, 1, 4]),
                               rtol=1e-5)


@pytest.mark.parametrize("deviation", [0.3, 1.4, 4])
def test_blur(deviation):
    layer = generator(3, 0).random((2, 20, 15), np.float32)
    reach = int(np.ceil(2.5 * deviation))
    for plane, out in zip(layer, blur(layer, deviation), strict=True):
        np.testing.assert_allclose(out, ndimage.gaussian_filter(plane, deviation, mode="nearest", radius=reach),
                                   atol=1e-5)


def test_layers_cover_and_shade_what_is_below():
    rng, size = generator(4, 0), 6
    below, layer = rng.random((3, size, size), np.float32), rng.random((4, size, size), np.float32)
    shadow = rng.random((size, size), np.float32)
    moved = np.pad(shadow, ((0, 2), (1, 0)), mode="edge")[2:, :size]
    plain = below * (1 - layer[3]) * (1 - 0.5 * moved) + layer[:3]
    lay_over(below, layer, shadow, -1, 2, 0.5)
    np.testing.assert_allclose(below, plain, rtol=1e-5)


def test_light_grows_along_its_slope():
    image = lit_image(np.full((3, 4, 4), 100, np.float32), 0.2, 0)
    np.testing.assert_array_equal(image[0, :, 0], [80, 90, 100, 110])
    assert (image == image[:1, :, :1]).all() and lit_image(np.full((3, 4, 4), 250, np.float32), 0.2, 0).max() == 255
