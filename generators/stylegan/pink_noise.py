"""Pink noise: random fields with the amplitude spectrum 1 / f^alpha, flat or fading under a random envelope.

The law is that of the noise maps of the StyleGAN processes (Baradad et al., "Learning to See by Looking at Noise",
NeurIPS 2021, section 3.4), as the authors' code draws them:

* alpha: uniform in (0.5, 1.5);
* phases: uniform in (0, 2 pi) and independent, but opposite at opposite frequencies, so that the field is real; the
  code takes the difference of two independent uniform phases there, which is again uniform;
* size n + 1, of which the last row and column are dropped; the mean is subtracted;
* the envelope: a 4x4 grid of independent Laplace(0, 1) numbers, resized to n x n with Lanczos' filter;
* last, the field is divided by its standard deviation.
"""

import functools

import numpy as np
import scipy.fft
from PIL import Image


@functools.lru_cache(maxsize=16)
def log_radius(size: int) -> np.ndarray:
    """log |f| for the frequencies of a real FFT: float32 [size, size // 2 + 1], +inf at zero, where there is no power.

    The unit of f does not matter, as a field is divided by its deviation.
    """
    across, down = np.arange(size // 2 + 1), scipy.fft.fftfreq(size, 1 / size)
    squared = across**2 + down[:, None] ** 2
    squared[0, 0] = np.inf
    return (0.5 * np.log(squared)).astype(np.float32)


def laplace_envelope(rng: np.random.Generator, size: int) -> np.ndarray:
    """Smooth random weights of both signs: float32 [size, size]."""
    grid = rng.laplace(size=(4, 4)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.LANCZOS))


def pink_noise(rng: np.random.Generator, size: int, envelope: bool) -> np.ndarray:
    """One field: float32 [size, size], standard deviation 1 (mean 0 without the envelope). size: even, 4 or more."""
    odd = size + 1
    alpha = np.float32(rng.uniform(0.5, 1.5))
    phase = rng.random((odd, odd // 2 + 1), np.float32)
    phase *= np.float32(2 * np.pi)
    phase[odd // 2 + 1 :, 0] = -phase[odd // 2 : 0 : -1, 0]  # the one column that holds opposite frequencies
    amplitude = np.exp(-alpha * log_radius(odd))
    spectrum = np.empty(phase.shape, np.complex64)
    np.multiply(amplitude, np.cos(phase), out=spectrum.real)
    np.multiply(amplitude, np.sin(phase), out=spectrum.imag)
    field = scipy.fft.irfft2(spectrum, s=(odd, odd), overwrite_x=True)[:size, :size]
    field -= field.mean()
    if envelope:
        field *= laplace_envelope(rng, size)
    return field / field.std()
