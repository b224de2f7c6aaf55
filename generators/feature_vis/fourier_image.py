"""Images made of Fourier coefficients and decorrelated colours, in which gradient ascent finds natural-looking optima.

The parametrisation of Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017 (section "Preconditioning
and Parameterization"), as in their library lucid, from which the colour matrix comes (Apache License 2.0):

* a coefficient counts 1 / max(f, 1 / size), with f its frequency in cycles per pixel, so that a step of one length
  changes every octave alike; coefficients start from N(0, 0.01^2), real and imaginary parts apart;
* the inverse FFT (orthonormal), divided by 4, gives three uncorrelated channels;
* a square root of the covariance of ImageNet's colours turns them to red, green and blue; a sigmoid, into (0, 1).
"""

import functools

import numpy as np
import torch
from torch import Tensor

DEVIATION = 0.01
DAMPING = 4.0  # lucid's constant against saturated colours

# Columns: brightness, blue to red, and green to purple, each as (red, green, blue); the longest made a unit vector.
_COLOUR_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOURS = torch.tensor(_COLOUR_ROOT / np.linalg.norm(_COLOUR_ROOT, axis=0).max(), dtype=torch.float32)


def draw_spectrum(rng: np.random.Generator, size: int) -> Tensor:
    """Coefficients of a first image, for `to_rgb`: float32 [3, size, size // 2 + 1, 2], (real, imaginary) last."""
    return torch.from_numpy(rng.standard_normal((3, size, size // 2 + 1, 2), np.float32) * np.float32(DEVIATION))


@functools.lru_cache
def frequency_scale(size: int, device: torch.device) -> Tensor:
    """1 / max(f, 1 / size) for the frequencies of a real FFT: float32 [size, size // 2 + 1, 1]."""
    f = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    return (1 / f.clamp(min=1 / size))[..., None].to(device)


def to_rgb(spectrum: Tensor) -> Tensor:
    """Images with these coefficients: float32 [N, 3, size, size] in (0, 1) from [N, 3, size, size // 2 + 1, 2]."""
    size = spectrum.shape[2]
    scaled = torch.view_as_complex(spectrum * frequency_scale(size, spectrum.device))
    channels = torch.fft.irfft2(scaled, s=(size, size), norm="ortho") / DAMPING
    return torch.einsum("ij,njhw->nihw", COLOURS.to(spectrum.device), channels).sigmoid()


def stretch(images: Tensor) -> Tensor:
    """Stretch each image, its channels together, to 0..255: uint8 [N, H, W, 3] from float [N, 3, H, W]."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    scaled = (images - low) * (255 / (high - low).clamp(min=1e-12))
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
