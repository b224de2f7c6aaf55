"""Spectrum: one real float32 pass against ten complex float64 ones, and the exponents found again in the images."""

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import uniform_filter

from benchmarks.plain_generators import spectrum_passes
from generators.colour_model import box_blur, components_to_image, mondrian, principal_axes
from generators.process import stream_key
from generators.spectrum import Spectrum, draw_exponents, impose_spectrum, magnitude
from utils.cli import UserError
from utils.seeding import generator


@pytest.mark.parametrize("size", [31, 64, 128])
@pytest.mark.parametrize("a, b", [(0.5, 0.5), (1.0, 1.1), (2.2, 2.1), (3.5, 3.6)])
def test_one_pass_equals_ten(size, a, b):
    noise = 256 * generator(1, size).random((3, size, size), np.float32)
    fast, plain = impose_spectrum(noise, a, b), spectrum_passes(noise, a, b)
    assert fast.dtype == np.float32
    assert np.abs(fast - plain).max() < 0.005  # of a range of 256: a fiftieth of a grey level


def exponents(power: np.ndarray, largest: int) -> tuple[float, float]:
    """a and b by regression of log magnitude on log frequency along the two axes, up to frequency `largest`."""
    log_f = np.log(np.arange(1, largest + 1))
    rows = 0.5 * np.log(power[0, 1 : largest + 1]), 0.5 * np.log(power[1 : largest + 1, 0])
    return tuple(-stats.linregress(log_f, row).slope for row in rows)


@pytest.mark.parametrize("a, b", [(0.6, 0.7), (1.5, 1.4), (3.4, 3.3)])
def test_exponents_are_found_in_the_field(a, b):
    field = impose_spectrum(256 * generator(2, 0).random((1, 128, 128), np.float32), a, b)[0]
    # On an axis the other frequency is zero and the magnitude is a pure power.
    assert exponents(np.abs(np.fft.fft2(field)) ** 2, 40) == pytest.approx((a, b), abs=0.02)


def test_exponents_are_found_in_the_images():
    process = Spectrum(resolution=128, seed=3)
    for index, image in enumerate(process.render(range(8))):
        drawn = draw_exponents(generator(stream_key(process), index))
        # The axes are orthogonal, so the power summed over the three channels is that of the components. Rounding to
        # 8 bits is white noise and drowns high frequencies: the lowest six are left.
        power = (np.abs(np.fft.fft2(image.astype(float), axes=(0, 1))) ** 2).sum(axis=2)
        assert exponents(power, 6) == pytest.approx(drawn, abs=0.1)


def test_mean_and_deviation_are_kept():
    noise = 256 * generator(4, 0).random((3, 64, 64), np.float32)
    field = impose_spectrum(noise, 1.7, 1.8)
    np.testing.assert_allclose(field.mean(axis=(1, 2)), noise.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(field.std(axis=(1, 2)), noise.std(axis=(1, 2)), rtol=1e-5)


def test_magnitude_by_hand():
    got = magnitude(8, 1.0, 2.0)
    assert got.shape == (8, 5) and got[0, 0] == 0
    assert got[0, 2] == pytest.approx(1 / (2 / 8)) and got[2, 0] == pytest.approx(1 / (2 / 8) ** 2)
    assert got[7, 4] == pytest.approx(1 / (4 / 8 + (1 / 8) ** 2))


def test_exponents_follow_their_distribution():
    a, b = np.array([draw_exponents(generator(5, i)) for i in range(3000)]).T
    assert stats.kstest((a - b) / 2, stats.norm(0, 0.05).cdf).pvalue > 0.001
    assert stats.kstest((a + b) / 2, stats.uniform(0.5, 3).cdf).pvalue > 0.001


def test_images_do_not_depend_on_the_request():
    process = Spectrum(resolution=32)
    together = process.render(range(6))
    assert together.shape == (6, 32, 32, 3) and together.dtype == np.uint8
    assert (together.reshape(6, -1).min(axis=1) == 0).all() and (together.reshape(6, -1).max(axis=1) == 255).all()
    for chunk in ([5], [4, 1]):
        np.testing.assert_array_equal(process.render(chunk), together[chunk])
    assert not np.array_equal(Spectrum(resolution=32, seed=1).render([0]), together[:1])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_images_are_finite(size):
    assert Spectrum(resolution=size).render([0]).shape == (1, size, size, 3)


def test_resolution_zero_is_refused():
    with pytest.raises(UserError, match="resolution"):
        Spectrum(resolution=0)


def test_mondrian_is_stretched_bands():
    picture = mondrian(generator(6, 1), 64)
    assert picture.shape == (3, 64, 64) and picture.dtype == np.float32
    assert picture.min() == 0 and picture.max() == pytest.approx(256)
    # Colours are sorted down the columns, so there is far more change from column to column than from row to row.
    assert np.abs(np.diff(picture.mean(axis=2))).mean() > 2 * np.abs(np.diff(picture.mean(axis=1))).mean()


@pytest.mark.parametrize("width", [1, 2, 5, 10])
def test_box_blur_equals_scipy(width):
    picture = generator(8, width).random((3, 20, 31), np.float32)
    expected = [uniform_filter(channel, width, mode="nearest") for channel in picture]
    np.testing.assert_allclose(box_blur(picture, width), expected, atol=1e-6)


def test_principal_axes_decorrelate_as_numpy_finds():
    picture = mondrian(generator(7, 0), 48)
    axes, mu = principal_axes(picture)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(mu, picture.reshape(3, -1).mean(axis=1), rtol=1e-5)
    covariance = axes.T @ np.cov(picture.reshape(3, -1).astype(float)) @ axes
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-2)
    assert (np.diff(np.diag(covariance)) <= 0).all()  # by falling variance
    assert (axes.sum(axis=0) > 0).all()
    # The way back: the components of the picture make the picture (up to the last stretch, from 0..256).
    components = np.einsum("ji,jhw->ihw", axes, picture - mu[:, None, None]).astype(np.float32)
    expected = picture.transpose(1, 2, 0) * 255 / 256
    assert np.abs(components_to_image(components, axes, mu) - expected).max() < 0.51


def test_images_use_the_whole_range_and_a_flat_one_is_black():
    ramp = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    axes, mu = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    expected = np.rint(ramp * 255 / 11).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(components_to_image(ramp, axes, mu), expected)
    assert (components_to_image(np.ones((3, 2, 2), np.float32), axes, mu) == 0).all()
