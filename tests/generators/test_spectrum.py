"""Spectrum: one real float32 pass against ten complex float64 ones, and the exponents found again in the images."""

import numpy as np
import pytest
import scipy.fft
from scipy import stats
from scipy.ndimage import uniform_filter

from benchmarks.plain_generators import spectrum_passes
from generators import colour_model
from generators.colour_model import box_blur, components_to_image, mondrian, principal_axes
from generators.process import stream_key, white_noise
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


@pytest.mark.parametrize("a, b", [(0.6, 0.7), (1.5, 1.4), (3.4, 3.3)])
def test_exponents_are_found_in_the_field(a, b):
    field = impose_spectrum(256 * generator(2, 0).random((1, 128, 128), np.float32), a, b)[0]
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


def test_mean_and_deviation_are_kept():
    noise = 256 * generator(4, 0).random((3, 64, 64), np.float32)
    field = impose_spectrum(noise, 1.7, 1.8)
    np.testing.assert_allclose(field.mean(axis=(1, 2)), noise.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(field.std(axis=(1, 2)), noise.std(axis=(1, 2)), rtol=1e-5)


def test_coefficients_of_zero_stay_zero_and_the_others_are_as_they_should_be():
    noise = np.floor(256 * generator(6, 0).random((1, 32, 64), np.float32)).repeat(2, axis=1)  # rows in pairs
    zero = np.abs(scipy.fft.rfft2(noise)) == 0
    assert zero[:, 32].all()  # what changes from row to row
    got, wanted = np.abs(scipy.fft.rfft2(impose_spectrum(noise, 1.7, 1.8))), magnitude(64, 1.7, 1.8)[None]
    there = ~zero & (wanted > 0)
    ratio = got[there] / wanted[there]
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)
    assert got[zero].max() < 1e-4 * got.max()


def test_no_image_is_black_because_a_coefficient_is_zero():
    assert Spectrum(resolution=32).render([858]).max() == 255


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


def test_white_noise_is_uniform_on_256_points():
    noise = np.concatenate([white_noise(generator(9, i), (3, 7, 5), 256) for i in range(300)])
    assert noise.dtype == np.float32 and (noise % 1 == 0.5).all()
    assert stats.chisquare(np.bincount(noise.astype(int).ravel(), minlength=256)).pvalue > 0.001
    np.testing.assert_array_equal(white_noise(generator(9, 0), (3, 7, 5), 10), noise[:3] * np.float32(10 / 256))


def test_mondrians_follow_their_distribution(monkeypatch):
    flat, widths = [], []  # pictures before their blur, and its width

    def note(picture: np.ndarray, width: int) -> np.ndarray:
        flat.append(picture.reshape(3, -1).copy())
        widths.append(width)
        return picture

    monkeypatch.setattr(colour_model, "box_blur", note)
    for i in range(400):
        mondrian(generator(10, i), 128)
    bands = [np.split(p, np.flatnonzero((np.diff(p) != 0).any(axis=0)) + 1, axis=1) for p in flat]
    counts = [len(picture) for picture in bands]
    # Less than one colour in 5,000 has so small a share that it gets no pixel.
    assert stats.chisquare(np.bincount(counts, minlength=23)[3:]).pvalue > 0.001 and min(counts) >= 3
    assert stats.chisquare(np.bincount(widths, minlength=11)[1:]).pvalue > 0.001 and min(widths) >= 1
    colours = np.concatenate([band[:, 0] for picture in bands for band in picture])
    assert stats.kstest(colours, stats.uniform(0, 256).cdf).pvalue > 0.001
    # The first share, one of each picture as shares of one depend on each other, against shares drawn here.
    found, rng = [picture[0].shape[1] / 128**2 for picture in bands], np.random.default_rng(0)
    drawn = [0.001 + rng.random(count) for count in counts]
    assert stats.ks_2samp(found, [shares[0] / shares.sum() for shares in drawn]).pvalue > 0.001


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
