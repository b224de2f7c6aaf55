"""Colour of our own processes: the map is the mondrian's, and images are what it says."""

import numpy as np
from scipy import stats

from generators.own.colour import PICTURE, colour_map, exposed, saturation, to_image
from generators.statistical.colour_model import mondrian
from utils.seeding import generator


def test_images_are_the_affine_map_cut_off():
    rng = generator(1, 0)
    fields, colours = rng.normal(size=(3, 9, 7)).astype(np.float32), colour_map(rng)
    plain = np.einsum("ck,kyx->yxc", colours[:, :3], fields) + colours[:, 3]
    image = to_image(fields, colours)
    assert image.dtype == np.uint8 and image.shape == (9, 7, 3)
    assert np.abs(image - plain.clip(0, 255)).max() < 0.501
    assert to_image(1e6 * fields, colours).max() == 255


def test_brightness_varies_as_in_the_mondrian_by_the_contrast():
    """Its deviation along (1, 1, 1), which the saturation leaves alone, and its mean."""
    contrasts, saturations = [], []
    for i in range(300):
        picture, colours = mondrian(generator(2, i), PICTURE).reshape(3, -1), colour_map(generator(2, i))
        np.testing.assert_allclose(colours[:, 3].mean(), picture.mean(), rtol=1e-4)
        contrasts.append(np.linalg.norm(colours[:, :3].sum(axis=0)) / picture.sum(axis=0).std())
        saturations.append((colours[:, 3].max() - colours[:, 3].min()) / np.ptp(picture.mean(axis=1)))
    assert stats.kstest(contrasts, stats.uniform(0.6, 0.8).cdf).pvalue > 0.001
    assert stats.kstest(saturations, stats.uniform(0.3, 0.7).cdf).pvalue > 0.001


def test_saturation():
    colour = np.array([10, 50, 120], np.float32)
    np.testing.assert_allclose(saturation(1) @ colour, colour)
    np.testing.assert_allclose(saturation(0) @ colour, [60, 60, 60], rtol=1e-6)
    np.testing.assert_allclose(saturation(0.5) @ colour, [35, 55, 90], rtol=1e-6)


def test_exposures():
    """Of an image far from black and white, so that nothing is cut off."""
    image = (128 + 6 * np.random.default_rng(0).uniform(-1, 1, (16, 16, 3))).astype(np.uint8)
    many = np.stack([exposed(image, generator(3, i)) for i in range(500)]).astype(float)
    brightness = many.mean(axis=(1, 2, 3)) - image.mean()
    contrast = many.std(axis=(1, 2, 3)) / image.std()
    assert stats.kstest(brightness, stats.norm(0, 25).cdf).pvalue > 0.001
    assert stats.kstest(np.log(contrast), stats.uniform(np.log(0.8), np.log(1.7 / 0.8)).cdf).pvalue > 0.001
    bright = exposed(np.uint8([[[0, 250, 255]]]), generator(3, 0))
    assert bright.dtype == np.uint8 and bright.min() < bright.max()
