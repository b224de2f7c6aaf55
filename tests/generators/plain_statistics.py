"""The statistical models in their plainest form: complex float64 FFTs, pyrtools, and histograms matched by ranks; what
the fast ones are tested against and measured beside."""

import numpy as np
from pyrtools.pyramids import SteerablePyramidSpace

from generators.process import stream_key, white_noise
from generators.statistical.colour_model import mondrian, principal_axes
from generators.statistical.model import COLOUR_BINS, ROUNDS, StatisticalModel, scales_for
from generators.statistical.spectrum import draw_exponents
from generators.statistical.steerable_pyramid import ORIENTATIONS
from tests.generators.plain_generators import spectrum_passes
from utils.seeding import generator

X = np.arange(-200, 200.5, 0.5)


def match_by_ranks(values: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Values of any shape moved to the quantiles of a histogram, counts [K] between edges [K + 1], by their ranks."""
    _, inverse, times = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - times / 2) / values.size
    moved = np.interp(ranks, np.append(0, np.cumsum(counts)) / counts.sum(), edges)
    return moved[inverse].reshape(values.shape)


def match_wavelets(channel: np.ndarray, betas: np.ndarray, scales: int) -> np.ndarray:
    """One round of wavelet marginals on one channel, both float64 [N, N]. betas: [1 + 4 scales], highpass first."""
    pyramid = SteerablePyramidSpace(channel, height=scales, order=ORIENTATIONS - 1, edge_type="reflect1")
    for key, beta in zip([key for key in pyramid.pyr_coeffs if key != "residual_lowpass"], betas, strict=True):
        scale = 0 if key == "residual_highpass" else key[0]
        counts = np.exp(-(np.abs(X / 4.0 ** (2**scale)) ** beta))
        deviation = np.sqrt(np.sum(counts * X**2) / np.sum(counts))
        band = match_by_ranks(pyramid.pyr_coeffs[key], counts, np.append(X - 0.25, X[-1] + 0.25))
        pyramid.pyr_coeffs[key] = (band - band.mean()) / band.std() * deviation
    return pyramid.recon_pyr()


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
