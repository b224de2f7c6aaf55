"""The statistical models in their plainest form: complex float64 FFTs, filters applied in space, tap by tap, and
histograms matched by ranks; what the fast ones are tested against and measured beside."""

import numpy as np
from scipy.ndimage import correlate

from benchmarks.plain_generators import spectrum_passes
from generators.colour_model import mondrian, principal_axes
from generators.process import stream_key, white_noise
from generators.spectrum import draw_exponents
from generators.statistical_model import COLOUR_BINS, ROUNDS, StatisticalModel, scales_for
from generators.steerable_pyramid import ORIENTATIONS, taps
from utils.seeding import generator

X = np.arange(-200, 200.5, 0.5)


def match_by_ranks(values: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Values of any shape moved to the quantiles of a histogram, counts [K] between edges [K + 1], by their ranks."""
    _, inverse, times = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - times / 2) / values.size
    moved = np.interp(ranks, np.append(0, np.cumsum(counts)) / counts.sum(), edges)
    return moved[inverse].reshape(values.shape)


def filtered(image: np.ndarray, name: str, orientation: int | None = None, turned: bool = False) -> np.ndarray:
    """An image correlated with a filter of the pyramid, or convolved (with the turned filter); edges are reflected."""
    filter = taps()[name] if orientation is None else taps()[name][orientation]
    return correlate(image, filter[::-1, ::-1] if turned else filter, mode="mirror")


def split(image: np.ndarray, scales: int) -> tuple[np.ndarray, list[list[np.ndarray]], np.ndarray]:
    """The steerable pyramid of an image, float64: highpass, the four bands of each scale, lowpass."""
    highpass, low, bands = filtered(image, "hi0"), filtered(image, "lo0"), []
    for _ in range(scales):
        bands.append([filtered(low, "bands", b) for b in range(ORIENTATIONS)])
        low = filtered(low, "lofilt")[::2, ::2]
    return highpass, bands, low


def join(highpass: np.ndarray, bands: list[list[np.ndarray]], low: np.ndarray) -> np.ndarray:
    """The image of a steerable pyramid."""
    for scale in reversed(bands):
        raised = np.zeros((2 * len(low), 2 * len(low)))
        raised[::2, ::2] = low
        low = filtered(raised, "lofilt", turned=True)
        low += sum(filtered(band, "bands", b, turned=True) for b, band in enumerate(scale))
    return filtered(low, "lo0", turned=True) + filtered(highpass, "hi0", turned=True)


def match_band(band: np.ndarray, scale: int, beta: float) -> np.ndarray:
    """A band of the pyramid with its wavelet histogram, mean 0 and the deviation of the histogram."""
    counts = np.exp(-(np.abs(X / 4.0 ** (2**scale)) ** beta))
    deviation = np.sqrt(np.sum(counts * X**2) / np.sum(counts))
    band = match_by_ranks(band, counts, np.append(X - 0.25, X[-1] + 0.25))
    return (band - band.mean()) / band.std() * deviation


def match_wavelets(channel: np.ndarray, betas: np.ndarray, scales: int) -> np.ndarray:
    """One round of wavelet marginals on one channel, both float64 [N, N]. betas: [1 + 4 scales], highpass first."""
    highpass, bands, low = split(channel, scales)
    of_bands = betas[1:].reshape(scales, ORIENTATIONS)
    bands = [[match_band(*parts) for parts in zip(bands[i], [i] * ORIENTATIONS, of_bands[i], strict=True)]
             for i in range(scales)]
    return join(match_band(highpass, 0, betas[0]), bands, low)


def statistical_model(process: StatisticalModel, index: int) -> np.ndarray:
    """Image `index`, from the same random numbers: uint8 [H, W, 3]."""
    size, model = process.resolution, process.model
    rng = generator(stream_key(process), index)
    exponents = draw_exponents(rng)
    scales = scales_for(size) if "wmm" in model else 0
    betas = rng.uniform(0.4, 0.8, (3, 1 + ORIENTATIONS * scales if scales else 0))
    channels = white_noise(rng, (3, size, size), 256)
    picture = mondrian(rng, size)
    axes, mu = principal_axes(rng, picture)
    components = axes.T @ (picture.reshape(3, -1) - mu[:, None])
    counts, edges = zip(*(np.histogram(row, COLOUR_BINS) for row in components), strict=True)
    for _ in range(ROUNDS):
        if "spectrum" in model:
            channels = spectrum_passes(channels, *exponents, passes=1)
        if "wmm" in model:
            channels = np.stack([match_wavelets(*parts, scales) for parts in zip(channels, betas, strict=True)])
        if "color" in model:
            channels = np.stack([match_by_ranks(*parts) for parts in zip(channels, counts, edges, strict=True)])
    rgb = np.einsum("ij,jyx->yxi", axes, channels) + mu
    return np.rint((rgb - rgb.min()) * 255 / (rgb.max() - rgb.min())).astype(np.uint8)
