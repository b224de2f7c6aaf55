"""Spectrum: one pass over noise against ten, and the exponents found again in the images."""

import numpy as np
import pytest
from scipy import stats

from generators.process import stream_key, white_noise
from generators.statistical.spectrum import Spectrum, draw_exponents, magnitude, random_fields
from tests.files import user_error
from tests.generators.plain_generators import spectrum_passes
from utils.seeding import generator


@pytest.mark.parametrize("size", [2, 3, 31, 64, 128])
@pytest.mark.parametrize("a, b", [(0.5, 0.5), (1.0, 1.1), (2.2, 2.1), (3.5, 3.6)])
def test_one_pass_equals_ten(size, a, b):
    expected = spectrum_passes(white_noise(generator(3, size), (3, size, size), 256), a, b)
    found = random_fields(generator(3, size), a, b, size)  # no coefficient is 0
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 0.005  # of a range of 256: a fiftieth of a grey level


def test_flat_spectra_stay_flatter_than_normal():
    """As the phases are those of uniform noise: independent ones would make normal numbers, of kurtosis 3."""
    rng = np.random.default_rng(0)
    noise = [spectrum_passes(256 * rng.random((3, 64, 64)), 0.5, 0.5, passes=1) for _ in range(20)]
    fields = [random_fields(generator(7, i), 0.5, 0.5, 64) for i in range(20)]
    expected, found = (stats.kurtosis(np.reshape(part, (60, -1)), axis=1, fisher=False) for part in (noise, fields))
    assert abs(found.mean() - expected.mean()) < 4 * np.hypot(found.std(), expected.std()) / 60**0.5
    assert found.mean() < 2.6


@pytest.mark.parametrize("a, b", [(0.6, 0.7), (1.5, 1.4), (3.4, 3.3)])
def test_exponents_are_found_in_the_field(a, b):
    field = random_fields(generator(2, 0), a, b, 128)[0]
    # On an axis the other frequency is zero and the magnitude is a pure power, to float32 digits of the field.
    magnitude, log_f = np.abs(np.fft.fft2(field)), np.log(np.arange(1, 41))
    found = [-stats.linregress(log_f, np.log(row[1:41])).slope for row in (magnitude[0], magnitude[:, 0])]
    assert found == pytest.approx((a, b), abs=0.001)


def test_exponents_are_found_in_the_images():
    size, process, errors = 128, Spectrum(resolution=128, seed=3), []
    for index, image in enumerate(process.render(range(300)).astype(float)):
        # The axes are orthogonal, so the power summed over the three channels is that of the components.
        power = (np.abs(np.fft.fft2(image, axes=(0, 1))) ** 2).sum(axis=2)
        a, b = draw_exponents(generator(stream_key(process), index))
        errors += [exponent_error(row[1 : size // 2], drawn, rounding=size**2 / 12)
                   for row, drawn in ((power[0], a), (power[:, 0], b))]
    # From 0.4 to 3.6 the exponent comes out to within 0.0001 to 0.0006, the error of rounding and no more.
    assert stats.kstest(errors, stats.norm.cdf).pvalue > 0.001


def exponent_error(power: np.ndarray, drawn: float, rounding: float) -> float:
    """The exponent fitted to the power at frequencies 1, 2, .. less the one drawn, over its standard error.

    Rounding to 8 bits is white noise of variance 1/12, that is of power `rounding` in each of three channels. It adds
    as much to the power P, and moves log |F| = log(P) / 2 by a normal number of variance `rounding` / 2 P where P is
    far above it. So the slope is a weighted regression, whose standard error follows.
    """
    largest = np.argmax(power < 100 * rounding) or len(power)
    power, x = power[:largest], np.log(np.arange(1, largest + 1))
    weights = 2 * power / rounding
    x = x - np.average(x, weights=weights)
    y = 0.5 * np.log(power - 3 * rounding)
    return float((-(weights * x * y).sum() / (weights * x**2).sum() - drawn) * np.sqrt((weights * x**2).sum()))


def test_magnitude_by_hand():
    got = magnitude(8, 1.0, 2.0)
    assert got.shape == (8, 5) and got[0, 0] == 0
    assert got[0, 2] == pytest.approx(1 / (2 / 8)) and got[2, 0] == pytest.approx(1 / (2 / 8) ** 2)
    assert got[7, 4] == pytest.approx(1 / (4 / 8 + (1 / 8) ** 2))


def test_exponents_follow_their_distribution():
    a, b = np.array([draw_exponents(generator(5, i)) for i in range(3000)]).T
    assert stats.kstest((a - b) / 2, stats.norm(0, 0.05).cdf).pvalue > 0.001
    assert stats.kstest((a + b) / 2, stats.uniform(0.5, 3).cdf).pvalue > 0.001


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_images_are_finite(size):
    assert Spectrum(resolution=size).render([0]).shape == (1, size, size, 3)


def test_resolution_zero_is_refused():
    user_error("resolution", Spectrum, resolution=0)
