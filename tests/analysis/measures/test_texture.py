"""Exponents and kurtosis of textures whose law is known."""

import numpy as np
import pytest
from scipy import stats

from analysis.measures import texture

SIZE = 64


def textures(exponent: float, count: int = 40, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Grey images whose Fourier amplitudes are 1 / f^exponent exactly, with random phases, cut from larger ones so that
    they are not periodic: float32 [count, size, size]."""
    f = np.hypot(np.fft.fftfreq(2 * size)[:, None], np.fft.rfftfreq(2 * size))
    f[0, 0] = np.inf
    noise = np.fft.rfft2(np.random.default_rng(seed).normal(size=(count, 2 * size, 2 * size)))
    images = np.fft.irfft2(noise / np.abs(noise) * f**-exponent)[:, :size, :size]
    return (128 + 40 * images / images.std()).astype(np.float32)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.8])
def test_exponent(exponent):
    profile = texture.amplitudes(textures(exponent)).mean(0)
    assert profile.shape == (SIZE // 2 - 1,)
    assert texture.spectrum_exponent(profile) == pytest.approx(exponent, abs=0.12)
    assert texture.spectrum_residual(profile) < 0.1


def test_amplitudes_are_those_of_a_plain_loop():
    image = textures(1.0, 1, 16)[0]
    window = np.outer(np.hanning(17)[:16], np.hanning(17)[:16])
    spectrum = np.abs(np.fft.fft2((image - np.average(image, weights=window)) * window))
    rings = {}
    for y in range(16):
        for x in range(9):  # the half that a real FFT keeps
            radius = round(np.hypot(min(y, 16 - y), x))
            rings.setdefault(radius, []).append(spectrum[y, x])
    expected = [np.mean(rings[radius]) for radius in range(1, 8)]
    assert texture.amplitudes(image[None])[0] == pytest.approx(expected, rel=1e-4)


def test_the_fit_is_numpys():
    profile = np.random.default_rng(0).uniform(1, 2, SIZE // 2 - 1)
    low, high = texture.fit_range(SIZE)
    slope, intercept = np.polyfit(np.log(np.arange(low, high + 1)), np.log(profile[low - 1 : high]), 1)
    left = np.log(profile[low - 1 : high]) - slope * np.log(np.arange(low, high + 1)) - intercept
    assert texture.spectrum_exponent(profile) == pytest.approx(-slope)
    assert texture.spectrum_residual(profile) == pytest.approx(left.std())


def test_kurtosis_is_scipys_and_flat_images_have_none():
    values = np.random.default_rng(0).laplace(size=(5, 400))
    values[2] = 7
    found = texture.kurtosis(values)
    assert np.isnan(found[2])
    rest = [0, 1, 3, 4]
    assert found[rest] == pytest.approx(stats.kurtosis(values[rest], axis=1, fisher=False))


def test_sparsity_of_known_laws():
    """White noise of a law with kurtosis k has differences of kurtosis (k + 3) / 2; normal wavelets have 3."""
    rng = np.random.default_rng(0)
    normal, laplace = (128 + draw(0, 20, (20, SIZE, SIZE)).astype(np.float32) for draw in (rng.normal, rng.laplace))
    for images, expected in ((normal, 3.0), (laplace, 4.5)):
        found, flat = texture.typical(texture.derivative_kurtosis(images))
        assert flat == 0 and found.value == pytest.approx(expected, abs=0.15)  # 4 s.e. over 20 images
    found, _ = texture.typical(texture.wavelet_kurtosis(normal))
    assert found.value == pytest.approx(3, abs=0.1)
    dots = np.full((2, SIZE, SIZE), 100, np.float32)
    dots[:, 30:33, 30:33] = 255
    assert texture.typical(texture.wavelet_kurtosis(dots))[0].value > 20


def test_a_set_of_flat_images_has_no_value():
    found, flat = texture.typical(texture.derivative_kurtosis(np.full((3, 8, 8), 9, np.float32)))
    assert flat == 3 and np.isnan(found.value)
