"""Scenes: their latents are uniform, can be read off the image, and lie beside it."""

import colorsys

import numpy as np
import pytest
from scipy import stats

from datasets.image_folders.writer import write_image_folder
from generators.latent_scene import LATENTS, LatentScene, rgb
from tests.files import user_error

N = len(LATENTS)


def middle_of_object(z) -> tuple[np.ndarray, np.ndarray]:
    """Where a scene differs from the scene with the object elsewhere: weights [H, W], and its mean column and row."""
    there = LatentScene().render_latents(np.array([z]))[0].astype(float)
    other = LatentScene().render_latents(np.array([[*(-np.sign(z[:2]) - (z[:2] == 0)), -1, 0, *z[4:]]]))[0]
    weight = np.abs(there - other).sum(2) > 20
    half = np.indices(weight.shape) // 32  # the other object lies in the other corner
    weight &= (half[1] == int(z[0] > 0)) & (half[0] == int(z[1] > 0))
    return weight


def test_latents_are_uniform_and_a_function_of_the_index():
    process = LatentScene()
    z = process.latents(range(5000))
    for column in z.T:
        assert stats.kstest(column, stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert np.abs(np.corrcoef(z.T) - np.eye(N)).max() < 5 / np.sqrt(5000)
    np.testing.assert_array_equal(process.latents([7, 3]), z[[7, 3]])
    assert not np.isclose(LatentScene(seed=1).latents([3]), z[3]).any()
    np.testing.assert_array_equal(process.render([7, 3]), process.render_latents(z[[7, 3]]))


def test_the_object_stays_inside():
    """In every corner, at its largest, whatever its rotation, the frame is as without it."""
    for rotation in np.linspace(-1, 1, 9):
        for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            images = LatentScene().render_latents(np.array([[x, y, 1, rotation, -1, -1, 1], [0, 0, -1, 0, -1, -1, 1]]))
            for edge in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
                first, second = images[edge]
                np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("latent", range(N))
def test_images_change_with_each_latent_and_never_jump(latent):
    rng = np.random.default_rng(0)
    for base in rng.uniform(-1, 1, (5, N)):
        line = np.tile(base, (101, 1))
        line[:, latent] = np.linspace(-1, 1, 101)
        images = LatentScene().render_latents(line).astype(float)
        steps = np.abs(np.diff(images, axis=0)).max((1, 2, 3))
        apart = np.sqrt(np.square(images[:, None] - images[None]).mean((2, 3, 4)))
        far = np.abs(np.subtract.outer(range(101), range(101))) > 20
        assert apart[far].min() > 0.5  # of 255, over all pixels; the smallest object covers one in twenty
        assert np.sqrt(np.square(np.diff(images, axis=0)).mean((1, 2, 3))).max() < 6 and steps.max() < 120


def test_position_is_what_it_says():
    for x in (-0.9, 0.8):
        for y in (-0.7, 0.9):
            rows, columns = np.nonzero(middle_of_object(np.array([x, y, 0.5, 0.2, -1.0, 0.0, 1.0])))
            for found, latent in ((columns, x), (rows, y)):
                extent = (found.min() + found.max() + 1) / 2  # of a drop along its axis; within its width across it
                assert extent == pytest.approx(32 + 32 * 0.45 * latent, abs=2.5)


def test_colours_are_hsv():
    for hue in np.linspace(0, 0.99, 25):
        assert rgb(hue, 0.6, 0.75) == pytest.approx(colorsys.hsv_to_rgb(hue, 0.6, 0.75))


def test_ambient_light_shows_the_grounds_own_colour():
    """The corner that the light hardly reaches has the ground's hue, whatever the light's."""
    z = np.zeros((2, N))
    z[:, 5] = -1, 0.7
    corner = LatentScene().render_latents(z)[:, -1, -1] / 255
    for colour in corner:
        assert colorsys.rgb_to_hsv(*colour)[0] == pytest.approx(0.4, abs=0.04)


def test_latents_lie_beside_the_images(tmp_path):
    process = LatentScene(resolution=16)
    write_image_folder(process, tmp_path, 3, name="latent_scene")
    np.testing.assert_array_equal(np.load(tmp_path / "latents.npy"), process.latents(range(3)))
    write_image_folder(process, tmp_path, 5, name="latent_scene")
    (tmp_path / "latents.npy").unlink()
    write_image_folder(process, tmp_path, 5, name="latent_scene")
    np.testing.assert_array_equal(np.load(tmp_path / "latents.npy"), process.latents(range(5)))


@pytest.mark.parametrize("z", [np.zeros((2, 6)), np.zeros(7), np.full((1, 7), 1.1), np.full((1, 7), np.nan)])
def test_latents_that_cannot_be(z):
    user_error("has 7 latents from -1 to 1", lambda: LatentScene().render_latents(z))
