"""The colour model: the reference picture and its axes by their distribution, and against scipy and NumPy."""

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import uniform_filter

from generators.statistical import colour_model
from generators.statistical.colour_model import blurred_bands, components, components_to_image, mondrian, principal_axes
from tests.generators.sampling import agrees
from utils.seeding import generator


def test_mondrians_follow_their_distribution(monkeypatch):
    drawn = []

    def note(*parameters) -> np.ndarray:
        drawn.append(parameters)
        return blurred_bands(*parameters)

    monkeypatch.setattr(colour_model, "blurred_bands", note)
    for i in range(600):
        mondrian(generator(10, i), 64)
    colours, areas, _, widths = zip(*drawn, strict=True)
    counts = [len(parts) for parts in areas]
    assert counts == [of_one.shape[1] for of_one in colours] and {parts.sum() for parts in areas} == {64**2}
    # Of 3 to 22 areas the first two have one colour.
    assert min(counts) == 2 and stats.chisquare(np.bincount(counts, minlength=22)[2:]).pvalue > 0.001
    assert min(widths) == 1 and stats.chisquare(np.bincount(widths, minlength=11)[1:]).pvalue > 0.001
    values = np.concatenate([of_one.ravel() for of_one in colours])
    assert stats.kstest(values, stats.uniform(0, 256).cdf).pvalue > 0.001
    # One share of each picture, as shares of one depend on each other, against shares drawn here.
    rng = np.random.default_rng(0)
    shares = [0.001 + rng.random(count + 1) for count in counts]
    first, last = ([parts[k] / 64**2 for parts in areas] for k in (0, -1))
    assert stats.ks_2samp(first, [share[:2].sum() / share.sum() for share in shares]).pvalue > 0.001
    assert stats.ks_2samp(last, [share[-1] / share.sum() for share in shares]).pvalue > 0.001


def test_a_mondrian_is_stretched_bands():
    picture = mondrian(generator(6, 1), 64)
    assert picture.shape == (3, 64, 64) and picture.dtype == np.float32
    assert picture.min() == 0 and picture.max() == pytest.approx(256)
    # Colours are sorted down the columns, so there is far more change from column to column than from row to row.
    assert np.abs(np.diff(picture.mean(axis=2))).mean() > 2 * np.abs(np.diff(picture.mean(axis=1))).mean()


@pytest.mark.parametrize("width", [1, 2, 3, 9, 10])
def test_the_blur_is_that_of_scipy(width):
    colours = 256 * generator(8, width).random((3, 7), np.float32)
    areas = np.array([300, 1, 0, 2, 299, 358, 1])  # of 31 x 31 pixels
    flat = np.repeat(colours, areas, axis=1).reshape(3, 31, 31)
    # SciPy takes one pixel more before than after where the width is even.
    expected = [uniform_filter(channel, width, mode="constant", origin=width % 2 - 1) for channel in flat]
    np.testing.assert_allclose(blurred_bands(colours, areas, 31, width), expected, rtol=0, atol=1e-3)


def test_borders_of_mondrians_are_dark():
    pictures = np.stack([mondrian(generator(12, i), 64) for i in range(200)])
    assert pictures[:, :, 0].mean() < 0.75 * pictures[:, :, 32].mean()
    assert pictures[:, :, :, 0].mean() < 0.75 * pictures[:, :, :, 32].mean()


def test_mondrians_have_the_statistics_of_the_authors():
    found = []
    for i in range(1500):
        picture = mondrian(generator(11, i), 128)
        values = components(picture, *principal_axes(generator(13, i), picture))
        deviations, ranges = values.std(axis=1), np.ptp(values, axis=1)
        red_green = np.corrcoef(picture[:2].reshape(2, -1))[0, 1]
        found.append((deviations[1], ranges[1] / deviations[1], ranges[2] / deviations[2], red_green))
    for values, expected in zip(np.transpose(found), (54.9, 4.59, 5.38, 0.05), strict=True):
        assert agrees(values, expected, 1500, digit=0.01)


def test_principal_axes_decorrelate_as_numpy_finds():
    picture = mondrian(generator(7, 0), 48)
    axes, mu = principal_axes(generator(7, 1), picture)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(mu, picture.reshape(3, -1).mean(axis=1), rtol=1e-5)
    covariance = axes.T @ np.cov(picture.reshape(3, -1).astype(float)) @ axes
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-2)
    assert (np.diff(np.diag(covariance)) <= 0).all()  # by falling variance
    # The way back: the components of the picture make the picture (up to the last stretch, from 0..256).
    parts = np.einsum("ji,jhw->ihw", axes, picture - mu[:, None, None]).astype(np.float32)
    expected = picture.transpose(1, 2, 0) * 255 / 256
    assert np.abs(components_to_image(parts, axes, mu) - expected).max() < 0.51


def test_signs_of_axes_are_fair_and_independent():
    picture = mondrian(generator(7, 0), 48)
    axes = np.stack([principal_axes(generator(9, i), picture)[0] for i in range(800)])
    np.testing.assert_array_equal(abs(axes), abs(axes[:1]).repeat(800, axis=0))
    which = (axes.sum(axis=1) > 0) @ [1, 2, 4]
    assert stats.chisquare(np.bincount(which, minlength=8)).pvalue > 0.001


def test_images_use_the_whole_range_and_a_flat_one_is_black():
    ramp = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    axes, mu = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    expected = np.rint(ramp * 255 / 11).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(components_to_image(ramp, axes, mu), expected)
    assert (components_to_image(np.ones((3, 2, 2), np.float32), axes, mu) == 0).all()
