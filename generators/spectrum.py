"""Spectrum: noise with the power spectrum of natural images, 1 / (|fx|^a + |fy|^b), and random colour axes.

    python -m generators.spectrum --output data/my_spectrum --samples 100
    python -m generators stat-spectrum                 # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2. An image
starts as white noise, uniform in 0..256 in three independent channels. s is uniform in (0.5, 3.5), d normal with
deviation 0.05, a = s + d and b = s - d, the same for the channels. Each channel keeps its phases, mean and deviation
and gets the magnitude above (frequencies in cycles per pixel, none at zero). The channels are then taken as components
along the colour axes of a random picture (`generators.colour_model`), and the result is stretched to 0..255.

The authors' code imposes the spectrum ten times. It never changes the phases, so the second pass finds what the first
one left: one pass is enough, and `tests/generators/test_spectrum.py` compares it with ten.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from generators.colour_model import components_to_image, mondrian, principal_axes
from generators.process import check, option, stream_key, white_noise
from utils.seeding import generator

TINY = np.finfo(np.float32).tiny  # keeps 0 / 0 away
SMALL = 1e-12  # keeps 1 / 0 away: what is divided by it still fits float32


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
    """Standard deviation of the fields whose real FFTs have these magnitudes, by Parseval: [C, 1, 1] from [C, N, K].

    A real FFT leaves out the mirror images of all columns but the first and, for even N, the last.
    """
    size = magnitudes.shape[1]
    mirrored = magnitudes[:, :, 1 : (size + 1) // 2]
    power = np.einsum("cyx,cyx->c", magnitudes, magnitudes) + np.einsum("cyx,cyx->c", mirrored, mirrored)
    return np.sqrt(power)[:, None, None] / size**2


def impose_spectrum(noise: np.ndarray, a: float, b: float) -> np.ndarray:
    """Give each channel the magnitude of (a, b); it keeps its phases, mean and deviation. float32 [C, N, N], both."""
    size = noise.shape[-1]
    spectrum = scipy.fft.rfft2(noise)
    mean = spectrum[:, :1, :1].real / size**2
    spectrum[:, 0, 0] = 0
    drawn, wanted = np.abs(spectrum), magnitude(size, a, b)
    scale = deviation(drawn) / np.maximum(deviation(wanted[None]), TINY)
    np.maximum(drawn, SMALL, out=drawn)  # noise on 256 points has a coefficient of 0 in one image of 5,000
    spectrum *= np.divide(wanted * scale, drawn, out=drawn)
    field = scipy.fft.irfft2(spectrum, s=noise.shape[1:], overwrite_x=True)
    field += mean
    return field


@dataclass(frozen=True)
class Spectrum:
    """Images with a random power spectrum and random colour axes. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        size = self.resolution
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            rng = generator(stream_key(self), int(index))
            a, b = draw_exponents(rng)
            components = impose_spectrum(white_noise(rng, (3, size, size), 256), a, b)
            axes, mu = principal_axes(rng, mondrian(rng, size))
            image[:] = components_to_image(components, axes, mu)
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("spectrum.Spectrum")
