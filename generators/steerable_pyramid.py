"""The steerable pyramid of real images, in the frequency domain: bands of four orientations at each of a few scales.

    pyramid = steerable_pyramid(size=128, scales=3)
    levels = pyramid.split(torch.fft.rfft2(images))              # images: [..., 128, 128]
    images = torch.fft.irfft2(pyramid.join(levels))              # the same images

Simoncelli and Freeman, "The steerable pyramid: a flexible architecture for multi-scale derivative computation", ICIP
1995; the filters are those of Karasaridis and Simoncelli, "A filter design technique for steerable pyramid image
transforms", ICASSP 1996. Boundaries are circular. With r the distance from frequency zero in units of the Nyquist
frequency and theta the direction,

    low_i(r)  = sin(pi/2 t), high_i(r) = cos(pi/2 t), with t = -log2(2^i r) held to 0..1: they cross over in the octave
                below 2^-i, and low_i^2 + high_i^2 = 1,
    angle_b   ~ cos(theta - pi b / K)^(K - 1) for K orientations; the squares of all add up to 1,
    highpass  = high_0,  band b of scale i = (-j)^(K - 1) low_i high_(i+1) angle_b,  lowpass = low_scales.

The squares of all add up to 1 at each frequency, so that filtering again with the conjugates reconstructs perfectly.
Scale i holds nothing beyond 2^-i of the Nyquist frequency and is kept at 2^-i of the size. Its spectrum is cut out and
not rescaled, the convention of matlabPyrTools and pyrtools (`SteerablePyramidFreq`, real): coefficients are 4^i times
those of the filtered image.
"""

import functools
import math

import numpy as np
import torch

from utils.cli import UserError


def filters(size: int, level: int, scales: int, orientations: int) -> np.ndarray:
    """The filters of one level, in the order of frequencies of a real FFT of its size n = size / 2^level.

    Returns complex128 [filters, n, n // 2 + 1]: on level 0 the highpass and the oriented bands of scale 0, on the last
    the lowpass, on the others the oriented bands of a scale.
    """
    n = size >> level
    cycles = n * np.fft.fftfreq(n)  # in the image; the same on every level
    fy, fx = 2 / size * cycles[:, None], 2 / size * np.abs(cycles[: n // 2 + 1])
    with np.errstate(divide="ignore"):
        log_r, theta = np.log2(np.hypot(fx, fy)), np.arctan2(fy, fx)

    def crossing(i: int) -> np.ndarray:
        return np.pi / 2 * np.clip(-log_r - i, 0, 1)

    if level == scales:
        return np.sin(crossing(level))[None].astype(complex)
    order = orientations - 1
    norm = 2**order * math.factorial(order) / math.sqrt(orientations * math.factorial(2 * order))
    band = (-1j) ** order * norm * np.sin(crossing(level)) * np.cos(crossing(level + 1))
    bands = [band * np.cos(theta - np.pi * b / orientations) ** order for b in range(orientations)]
    return np.stack([np.cos(crossing(0)), *bands] if level == 0 else bands)


class SteerablePyramid:
    """Use `steerable_pyramid`, which makes each pyramid once.

    masks: the filters of each level, complex [filters, n, n // 2 + 1] with n = size / 2^level; the last is the lowpass.
    """

    def __init__(self, size: int, scales: int, orientations: int, device: str, dtype: torch.dtype) -> None:
        if scales < 1 or orientations < 1:
            raise UserError(f"a steerable pyramid has one scale and one orientation or more, not {scales} and "
                            f"{orientations}")
        if size % 2**scales or size < 4 * 2**scales:
            raise UserError(f"a steerable pyramid of {scales} scales takes images whose size is a multiple of "
                            f"{2**scales} and at least {4 * 2**scales}, not {size}")
        self.size = size
        masks = [filters(size, level, scales, orientations) for level in range(scales + 1)]
        self.masks = [torch.from_numpy(level).to(device, dtype.to_complex()) for level in masks]

    def split(self, spectrum: torch.Tensor) -> list[torch.Tensor]:
        """The pyramid of images by their `torch.fft.rfft2`, complex [..., size, size // 2 + 1].

        Returns the levels from fine to coarse, real [..., filters, n, n]: level 0 (n = size) holds the highpass
        residual and then the oriented bands of scale 0; level i those of scale i, n = size / 2^i; the last the lowpass
        residual, n = size / 2^scales.
        """
        levels = []
        for masks in self.masks:
            n = masks.shape[-2]
            part = spectrum[..., : n // 2 + 1]
            if n < self.size:
                part = torch.cat([part[..., : (n + 1) // 2, :], part[..., self.size - n // 2 :, :]], dim=-2)
            levels.append(torch.fft.irfft2(part[..., None, :, :] * masks, s=(n, n)))
        return levels

    def join(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """The `torch.fft.rfft2` of the images with this pyramid: the inverse of `split`."""
        spectrum = None
        for bands, masks in zip(levels, self.masks, strict=True):
            n = masks.shape[-2]
            part = (torch.fft.rfft2(bands) * masks.conj()).sum(dim=-3)
            if spectrum is None:
                spectrum = part
            else:
                spectrum[..., : (n + 1) // 2, : n // 2 + 1] += part[..., : (n + 1) // 2, :]
                spectrum[..., self.size - n // 2 :, : n // 2 + 1] += part[..., (n + 1) // 2 :, :]
        return spectrum


@functools.lru_cache(maxsize=16)
def steerable_pyramid(size: int, scales: int, orientations: int = 4, device: str = "cpu",
                      dtype: torch.dtype = torch.float32) -> SteerablePyramid:
    """The pyramid of real square images [..., size, size]; dtype is theirs, torch.float32 or torch.float64.

    Raises UserError unless size is a multiple of 2^scales, at least 4 of them, and scales and orientations at least 1.
    """
    return SteerablePyramid(size, scales, orientations, device, dtype)
