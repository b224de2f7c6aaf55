"""What grey values are like: the exponent of the amplitude spectrum, and the sparsity of derivatives and wavelets.

Photos have amplitudes that fall about as 1 / f and coefficients that are mostly near zero, with rare large ones (Field
1987; Huang and Mumford 1999). The paper speaks of both; fit range, windows and averages are ours.
"""

import numpy as np
import torch

from analysis.measures.interval import Estimate, estimate
from generators.statistical.steerable_pyramid import SteerablePyramid

LOWEST = 3  # cycles an image from which the exponent is fitted: fewer are mostly the window's
SCALES = 2  # of the wavelets
PART = 100  # images at a time
FLAT = 1e-3  # grey levels of standard deviation below which coefficients have no kurtosis


def grey(images: np.ndarray) -> np.ndarray:
    """Luma (ITU-R BT.601) in 0..255: float32 [N, H, W] from uint8 [N, H, W, 3]."""
    return images @ np.array([0.299, 0.587, 0.114], np.float32)


def amplitudes(images: np.ndarray) -> np.ndarray:
    """Mean amplitude at each whole number of cycles an image, 1 to P / 2 - 1, over all directions: float64 [N, P / 2 -
    1] from grey images [N, P, P]. A Hann window hides the edges, and the mean under it is taken off first."""
    size = images.shape[1]
    window = np.outer(*[np.hanning(size + 1)[:-1]] * 2).astype(np.float32)
    radius = np.rint(np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)) * size).astype(int).ravel()
    counts, rows = np.bincount(radius), []
    for image in images:
        spectrum = np.abs(np.fft.rfft2((image - (image * window).sum() / window.sum()) * window)).ravel()
        rows.append((np.bincount(radius, spectrum) / counts)[1 : size // 2])
    return np.array(rows)


def fit_range(size: int) -> tuple[int, int]:
    """First and last cycles an image of the fit, for images of `size` pixels. Above half of what the pixels can hold,
    resizing shows."""
    return LOWEST, size // 4


def spectrum_exponent(profile: np.ndarray) -> np.ndarray:
    """The exponent of 1 / f^exponent that fits mean amplitudes [..., P / 2 - 1] best: least squares of logarithms."""
    low, high = fit_range(2 * (profile.shape[-1] + 1))
    f = np.log(np.arange(low, high + 1))
    weights = (f - f.mean()) / np.square(f - f.mean()).sum()
    return -np.log(profile[..., low - 1 : high] + 1e-12) @ weights


def spectrum_residual(profile: np.ndarray) -> float:
    """Root mean square of what the fit leaves, in natural logarithms of amplitude (0.1 is 10 %)."""
    low, high = fit_range(2 * (profile.shape[-1] + 1))
    f, a = np.log(np.arange(low, high + 1)), np.log(profile[low - 1 : high] + 1e-12)
    return float((a - a.mean() + spectrum_exponent(profile) * (f - f.mean())).std())


def kurtosis(coefficients: np.ndarray) -> np.ndarray:
    """Fourth moment over squared variance, 3 for a normal law, NaN for what is flat: float64 [N] from [N, ...]."""
    values = coefficients.reshape(len(coefficients), -1).astype(np.float64)
    centred = values - values.mean(1, keepdims=True)
    variance = np.square(centred).mean(1)
    fourth = np.square(np.square(centred)).mean(1)
    return np.divide(fourth, variance**2, out=np.full(len(values), np.nan), where=variance > FLAT**2)


def derivative_kurtosis(images: np.ndarray) -> np.ndarray:
    """Geometric mean of the kurtosis of horizontal and of vertical neighbours' differences: float64 [N]."""
    both = kurtosis(np.diff(images, axis=2)), kurtosis(np.diff(images, axis=1))
    return np.exp(np.log(both).mean(0))


def wavelet_kurtosis(images: np.ndarray) -> np.ndarray:
    """Geometric mean of the kurtosis of the bands of a steerable pyramid, four orientations at two scales: float64 [N]
    from grey images [N, P, P]. Raises UserError for a size that the pyramid refuses."""
    pyramid, rows = SteerablePyramid(images.shape[1], SCALES), []
    for start in range(0, len(images), PART):
        first, *others, _ = pyramid.split(torch.from_numpy(np.ascontiguousarray(images[start : start + PART])))
        bands = [*first[1:], *(band for level in others for band in level)]  # without the highpass residual
        rows.append(np.log([kurtosis(band.numpy()) for band in bands]).mean(0))
    return np.exp(np.concatenate(rows))


def typical(values: np.ndarray) -> tuple[Estimate, int]:
    """The geometric mean over images that have a value (one image of rare specks does not decide it), and how many have
    none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Estimate(*[float("nan")] * 3), len(values)
    return estimate(np.log(known), lambda means: np.exp(means[..., 0])), len(values) - len(known)
