"""CIELAB and the distance of Gaussians against published values and quadrature."""

import numpy as np
import pytest
from scipy import stats

from analysis.measures.colour import NOTICED, cielab, colour_distance, colour_moments, gaussian, symmetric_kl


def test_known_colours():
    """From Bruce Lindbloom's calculator, sRGB and D65."""
    known = {(255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20),
             (0, 255, 0): (87.73, -86.18, 83.18), (0, 0, 255): (32.30, 79.19, -107.86), (5, 5, 5): (1.37, 0, 0)}
    found = cielab(np.array(list(known), np.uint8))
    assert found == pytest.approx(np.array(list(known.values())), abs=0.02)


def test_moments_are_those_of_all_pixels():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    mean, covariance = gaussian(colour_moments(images).mean(0))
    pixels = cielab(images).reshape(-1, 3)
    assert mean == pytest.approx(pixels.mean(0), abs=1e-3)
    assert covariance == pytest.approx(np.cov(pixels.T, bias=True) + NOTICED * np.eye(3), abs=1e-2)


def test_divergence_is_the_integral():
    a, b = stats.norm(0, 1), stats.norm(1.5, 2)
    x = np.linspace(-20, 20, 20001)
    expected = np.trapezoid((a.pdf(x) - b.pdf(x)) * (a.logpdf(x) - b.logpdf(x)), x)
    found = symmetric_kl((np.zeros(1), np.eye(1)), (np.array([1.5]), np.array([[4.0]])))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_set_has_no_distance_from_itself_and_grey_has_one_from_colour():
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    moments, grey = colour_moments(images), colour_moments(images[..., :1].repeat(3, 3))
    same, other = colour_distance(moments, moments), colour_distance(grey, moments)
    assert same.value == pytest.approx(0, abs=1e-9)
    assert 1 < other.low <= other.value <= other.high < np.inf
