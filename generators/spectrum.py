"""Spectrum: noise with the power spectrum of natural images, 1 / (|fx|^a + |fy|^b), and random colour axes.

    python -m generators.spectrum --output data/my_spectrum --samples 100
    python -m generators stat-spectrum                 # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2. An image
starts as white noise, uniform in 0..256 in three independent channels. s is uniform in (0.5, 3.5), d normal with
deviation 0.05, a = s + d and b = s - d, the same for the channels. Each channel keeps its phases, mean and deviation
and gets the magnitude above (frequencies in cycles per pixel, none at zero). The channels are then taken as components
along the colour axes of a random picture (`generators.colour_model`), and the result is stretched to 0..255.

The authors' code imposes the spectrum ten times. It never changes the phases, so the second pass finds what the first
one left: one pass is enough. All that is left of the noise are its phases, means and deviations. So these are drawn,
and not the noise: phases independent and uniform on 256 points, means and deviations normal, as those of many uniform
numbers are but for terms of one over their number. `tests/generators/test_spectrum.py` compares with ten passes over
noise, and what is drawn with what noise has.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numba import njit

from generators.colour_model import components_to_image, mondrian, principal_axes
from generators.process import check, keep_freed_memory, option, random_bytes, stream_key
from utils.seeding import generator

TINY = np.finfo(np.float32).tiny  # keeps 0 / 0 away
DEVIATION = 256 / np.sqrt(12)  # of a number uniform in 0..256
KURTOSIS = 1.8  # its fourth moment over the square of its second
TURNS = np.exp(2j * np.pi / 256 * (np.arange(256) + 0.5)).astype(np.complex64)


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
    """What white noise, uniform in 0..256, becomes with the magnitude of (a, b): float32 [3, size, size]."""
    pixels = size * size
    normal = rng.normal(size=(2, 3))
    means = 128 + DEVIATION / size * normal[0]
    deviations = DEVIATION * np.sqrt(np.maximum(1 + np.sqrt((KURTOSIS - 1) / pixels) * normal[1], 0))
    phases = random_bytes(rng, 3 * size * (size // 2 + 1)).reshape(3, size, -1)
    spectrum = spectra(unit_magnitude(size, a, b), phases, means, deviations)
    return scipy.fft.irfft2(spectrum, s=(size, size), overwrite_x=True)


@njit(cache=True, nogil=True)
def spectra(magnitudes: np.ndarray, phases: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Real FFTs of fields with these means and deviations, [C]: complex64 [C, N, N // 2 + 1].

    magnitudes: float32 [N, N // 2 + 1], of a field whose deviation is 1. phases: uint8 [C, N, N // 2 + 1], of 256. In
    the first and, for even N, the last column half of the coefficients mirror the others; what mirrors itself is real.
    """
    channels, size, columns = phases.shape
    result = np.empty((channels, size, columns), np.complex64)
    for c in range(channels):
        deviation = np.float32(deviations[c])
        for y in range(size):
            for x in range(columns):
                result[c, y, x] = deviation * magnitudes[y, x] * TURNS[phases[c, y, x]]
        for x in range(0, columns, size // 2 if size % 2 == 0 else columns):
            for y in range(size // 2 + 1, size):
                result[c, y, x] = np.conj(result[c, size - y, x])
            for y in range(0, size, size // 2 if size % 2 == 0 else size):
                sign = np.float32(1 if phases[c, y, x] < 128 else -1)
                result[c, y, x] = deviation * magnitudes[y, x] * sign
        result[c, 0, 0] = means[c] * size**2
    return result


@dataclass(frozen=True)
class Spectrum:
    """Images with a random power spectrum and random colour axes. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        keep_freed_memory()
        size = self.resolution
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            rng = generator(stream_key(self), int(index))
            a, b = draw_exponents(rng)
            components = random_fields(rng, a, b, size)
            axes, mu = principal_axes(rng, mondrian(rng, size))
            image[:] = components_to_image(components, axes, mu)
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("spectrum.Spectrum")
