"""Spectrum: noise with the power spectrum of natural images, 1 / (|fx|^a + |fy|^b), and random colour axes.

    python -m generators.spectrum --output data/my_spectrum --samples 100
    python -m generators stat-spectrum                 # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2. An image
starts as white noise, uniform in 0..256 in three independent channels. s is uniform in (0.5, 3.5), d normal with
deviation 0.05, a = s + d and b = s - d, the same for the channels. Each channel keeps its phases, mean and deviation
and gets the magnitude above (frequencies in cycles per pixel, none at zero). The channels are then taken as components
along the colour axes of a random picture (`colour_model`), and the result is stretched to 0..255.

The authors' code imposes the spectrum ten times. It never changes the phases, so the second pass finds what the first
one left, and one pass is enough. The phases have to be those of noise: drawn one by one, independent and uniform, they
give another law. With a flat spectrum, phases hold most of an image, and that of uniform noise is flatter than a normal
one (with a = b = 0.5 the kurtosis of a channel is 2.45; with independent phases it would be 3).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numba import njit

from generators.process import check, option, render_each, white_noise
from generators.statistical.colour_model import REORDER, components_to_image, mondrian, principal_axes

TINY = np.finfo(np.float32).tiny  # keeps 0 / 0 away


def draw_exponents(rng: np.random.Generator) -> tuple[float, float]:
    """Exponents a (horizontal frequency) and b (vertical)."""
    s, d = rng.uniform(0.5, 3.5), rng.normal(0, 3 / 60)
    return s + d, s - d


@functools.lru_cache
def log_frequency(size: int) -> np.ndarray:
    """log |f| in cycles per pixel for each FFT frequency: float32 [size], -inf at zero."""
    with np.errstate(divide="ignore"):
        return np.log(np.abs(scipy.fft.fftfreq(size))).astype(np.float32)


def magnitude(size: int, a: float, b: float) -> np.ndarray:
    """1 / (|fx|^a + |fy|^b) for the frequencies of a real FFT: float32 [size, size // 2 + 1], 0 at frequency zero."""
    log_f = log_frequency(size)
    fx, fy = np.exp(np.float32(a) * log_f[: size // 2 + 1]), np.exp(np.float32(b) * log_f)
    with np.errstate(divide="ignore"):
        result = 1 / (fx + fy[:, None])
    result[0, 0] = 0
    return result


def deviation(magnitudes: np.ndarray) -> np.ndarray:
    """Standard deviation of the field whose real FFT has these magnitudes, by Parseval, from [N, N // 2 + 1].

    A real FFT leaves out the mirror images of all columns but the first and, for even N, the last.
    """
    size, first, last = len(magnitudes), magnitudes[:, 0], magnitudes[:, -1]
    power = 2 * np.vdot(magnitudes, magnitudes) - np.vdot(first, first)
    if size % 2 == 0:
        power -= np.vdot(last, last)
    return np.sqrt(power) / size**2


def unit_magnitude(size: int, a: float, b: float) -> np.ndarray:
    """`magnitude`, of a field whose deviation is 1 (or 0, of one pixel)."""
    result = magnitude(size, a, b)
    result /= np.maximum(deviation(result), TINY)
    return result


def random_fields(rng: np.random.Generator, a: float, b: float, size: int) -> np.ndarray:
    """White noise, uniform in 0..256, with the magnitude of (a, b): float32 [3, size, size]."""
    noise = white_noise(rng, (3, size, size), 256)
    spectrum = scipy.fft.rfft2(noise)
    impose_magnitude(spectrum, unit_magnitude(size, a, b), noise)
    return scipy.fft.irfft2(spectrum, s=(size, size), overwrite_x=True)


@njit(cache=True, nogil=True, fastmath=REORDER)
def impose_magnitude(spectrum: np.ndarray, magnitudes: np.ndarray, noise: np.ndarray) -> None:
    """Give spectra of noise, complex64 [C, N, N // 2 + 1], other magnitudes, in place; means and deviations stay.

    magnitudes: float32 [N, N // 2 + 1], of a field whose deviation is 1. noise: float32 [C, N, N]. A coefficient of 0
    stays 0, which noise on 256 points has in one image of 5,000.
    """
    channels, size, columns = spectrum.shape
    for c in range(channels):
        mean = spectrum[c, 0, 0].real / np.float32(size**2)
        squares = 0.0
        for y in range(size):
            total = np.float32(0)
            for x in range(size):
                total += (noise[c, y, x] - mean) ** 2
            squares += total
        deviation = np.float32(np.sqrt(squares) / size)
        for y in range(size):
            for x in range(columns):
                value = spectrum[c, y, x]
                power = max(value.real * value.real + value.imag * value.imag, TINY)
                spectrum[c, y, x] = value * (deviation * magnitudes[y, x] / np.sqrt(power))
        spectrum[c, 0, 0] = mean * np.float32(size**2)


@dataclass(frozen=True)
class Spectrum:
    """Images with a random power spectrum and random colour axes. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        return render_each(self, indices, self._image)

    def _image(self, rng: np.random.Generator) -> np.ndarray:
        a, b = draw_exponents(rng)
        components = random_fields(rng, a, b, self.resolution)
        axes, mu = principal_axes(rng, mondrian(rng, self.resolution))
        return components_to_image(components, axes, mu)
