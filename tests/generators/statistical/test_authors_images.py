"""Images of the statistical models beside those that the authors' MATLAB code made (without MEX files, in GNU Octave).

Their figures are means over at least COUNT images of 128 x 128 pixels of each model. What is compared is the mean over
as many images of ours as a test makes, within four standard errors of the difference (`sampling.agrees`). The bands are
those of pyrtools' sp3 pyramid with circular edges, as their figures were measured.
"""

from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from pyrtools.pyramids import SteerablePyramidSpace
from scipy.stats import kurtosis

from generators.statistical.model import StatisticalModel
from generators.statistical.spectrum import Spectrum
from tests.generators.sampling import agrees

COUNT = 150
# Of the bands, from fine to coarse: deviation over that of the channel, and kurtosis.
BANDS = ("residual_highpass", 0, 1, 2, "residual_lowpass")
WMM = dict(zip(BANDS, [(0.28, 6.0), (0.26, 5.8), (0.57, 3.7), (1.00, 2.7), (1.64, 5.6)], strict=True))
ALL = dict(zip(BANDS, [(0.22, 14.2), (0.16, 9.6), (0.37, 5.2), (0.71, 3.5), (5.4, 2.6)], strict=True))


def images_of(model: str, count: int, resolution: int = 128) -> np.ndarray:
    """float64 [count, H, W, 3]; "spectrum" is a process of its own."""
    if model == "spectrum":
        return Spectrum(resolution=resolution).render(range(count)).astype(float)
    process = StatisticalModel(model=model, resolution=resolution, device="cpu")
    return process.render(range(count)).astype(float)


def slope(image: np.ndarray) -> float:
    """Of log power over log frequency, by rings of one cycle an image from 2 / 128 to 0.35 cycles a pixel: the mean
    over the channels."""
    size = len(image)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    ring = np.rint(radius * size).astype(int).ravel()
    rings = np.arange(2, int(0.35 * size) + 1)
    slopes = []
    for channel in np.moveaxis(image, 2, 0):
        power = np.abs(np.fft.fft2(channel - channel.mean())) ** 2
        power = (np.bincount(ring, power.ravel()) / np.bincount(ring))[rings]
        slopes.append(np.polyfit(np.log(rings), np.log(power), 1)[0])
    return float(np.mean(slopes))


def band_statistics(images: np.ndarray) -> dict[str | int, list[tuple[float, float]]]:
    """By band or scale, for each image: the deviation over that of the channel and the kurtosis, of one channel."""
    found = defaultdict(list)
    for number, image in enumerate(images):
        channel = image[:, :, number % 3]
        pyramid = SteerablePyramidSpace(channel, height=3, order=3, edge_type="circular")
        of_image = defaultdict(list)
        for key, band in pyramid.pyr_coeffs.items():
            pair = band.std() / channel.std(), kurtosis(band.ravel(), fisher=False)
            of_image[key if isinstance(key, str) else key[0]].append(pair)
        for key, pairs in of_image.items():
            found[key].append(np.mean(pairs, axis=0))
    return found


def check_colours_and_slope(images: np.ndarray, cast: float, within: float | None, fitted: float) -> None:
    """cast: deviation over the images of a channel's mean; within: mean deviation within a channel."""
    means = images.mean(axis=(1, 2))
    # The mean over the channels of their squared distance from the mean over the images, one number for each image.
    squares = ((means - means.mean(axis=0)) ** 2).mean(axis=1)
    assert agrees(squares, cast**2, COUNT, digit=2 * cast)  # a digit of the cast
    if within is not None:
        assert agrees(images.std(axis=(1, 2)).mean(axis=1), within, COUNT, digit=1)
    assert agrees(np.array([slope(image) for image in images]), fitted, COUNT, digit=0.01)


@pytest.mark.parametrize("model, cast, within, fitted", [("spectrum", 44, 30.5, -3.24),
                                                         ("spectrum_color", 28, 45, -3.0)])
def test_colours_and_slopes_of_spectra(model, cast, within, fitted):
    check_colours_and_slope(images_of(model, 300 if model == "spectrum" else 152), cast, within, fitted)


@pytest.mark.parametrize("count", [48, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model, bands, cast, fitted", [("wmm", WMM, 24.5, -1.49),
                                                        ("spectrum_color_wmm", ALL, 24.5, -2.15)])
def test_bands_colours_and_slopes_of_wavelets(model, bands, cast, fitted, count):
    images = images_of(model, count)
    check_colours_and_slope(images, cast, None, fitted)
    for key, pairs in band_statistics(images).items():
        for values, expected, digit in zip(np.transpose(pairs), bands[key], (0.01, 0.1), strict=True):
            assert agrees(values, expected, COUNT, digit), (key, np.mean(values), expected)


def contrast_from_the_edge(images: np.ndarray, pixels: int) -> np.ndarray:
    """RMS contrast 0, 1, .. pixels from the edge, over that of the middle, [images, pixels]."""
    size = images.shape[1]
    along = np.minimum(np.arange(size), size - 1 - np.arange(size))
    distance = np.minimum(along[:, None], along)
    squares = ((images - images.mean(axis=(1, 2), keepdims=True)) ** 2).mean(axis=3)
    middle = squares[:, distance >= size // 8].mean(axis=1)
    return np.sqrt(np.stack([squares[:, distance == d].mean(axis=1) for d in range(pixels)], axis=1) / middle[:, None])


def test_contrast_falls_towards_the_border():
    found = contrast_from_the_edge(images_of("wmm", 48), 12).mean(axis=0)
    assert 0.6 < found[0] < 0.8 and (np.diff(found[2:10]) > 0).all() and abs(found[11] - 1) < 0.1


@pytest.mark.slow
def test_contrast_at_the_border_is_that_of_the_authors():
    images = [Image.fromarray(image.astype(np.uint8)) for image in images_of("wmm", 24, resolution=256)]
    # To the size of a tile in the overview of the authors, as their images and those from Octave were measured.
    reduced = np.stack([np.asarray(image.resize((100, 100), Image.Resampling.BICUBIC)) for image in images])
    found = contrast_from_the_edge(reduced.astype(float), 5).mean(axis=0)
    np.testing.assert_allclose(found, [0.61, 0.65, 0.77, 0.87, 0.95], atol=0.04)
