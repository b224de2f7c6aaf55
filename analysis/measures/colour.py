"""Colour: the Gaussian of a set's pixels in CIELAB, and how far two such Gaussians are apart.

"Learning to See by Looking at Noise" compares the colours of sets; which pixels, and that the distance is a symmetric
KL divergence between Gaussians, is our recollection of it, made precise here.
"""

import numpy as np

from analysis.measures.interval import Estimate, estimate

# sRGB (IEC 61966-2-1) to CIE XYZ under its white, D65.
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])
WHITE = XYZ.sum(1)
NOTICED = 1.0  # squared units of CIELAB, about what an eye can tell; added to variances, so that a grey set has a law
_LINEAR = np.arange(256) / 255
_LINEAR = np.where(_LINEAR <= 0.04045, _LINEAR / 12.92, ((_LINEAR + 0.055) / 1.055) ** 2.4).astype(np.float32)


def cielab(images: np.ndarray) -> np.ndarray:
    """L* in 0..100, a* and b* of sRGB pixels: float32 [..., 3] from uint8 [..., 3]."""
    relative = _LINEAR[images] @ (XYZ / WHITE[:, None]).T.astype(np.float32)
    x, y, z = np.moveaxis(np.where(relative > 216 / 24389, np.cbrt(relative), relative * (841 / 108) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def colour_moments(images: np.ndarray) -> np.ndarray:
    """Means and second moments of each image's pixels in CIELAB: float64 [N, 12] from uint8 [N, H, W, 3]."""
    rows = []
    for image in images:
        pixels = cielab(image).reshape(-1, 3).astype(np.float64)
        rows.append(np.concatenate([pixels.mean(0), (pixels.T @ pixels / len(pixels)).ravel()]))
    return np.array(rows)


def gaussian(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [..., 3] and covariance [..., 3, 3] (its diagonal + NOTICED) that mean moments [..., 12] say."""
    mean = moments[..., :3]
    second = moments[..., 3:].reshape(*moments.shape[:-1], 3, 3)
    return mean, second - mean[..., :, None] * mean[..., None, :] + NOTICED * np.eye(3)


def symmetric_kl(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """KL(a ‖ b) + KL(b ‖ a) of Gaussians (mean [..., D], covariance [..., D, D]), in nats (Jeffreys 1946)."""
    (mean_a, cov_a), (mean_b, cov_b) = a, b
    inverse_a, inverse_b, difference = np.linalg.inv(cov_a), np.linalg.inv(cov_b), mean_a - mean_b
    spread = np.trace(inverse_a @ cov_b + inverse_b @ cov_a, axis1=-2, axis2=-1) - 2 * difference.shape[-1]
    shift = (difference[..., None, :] @ (inverse_a + inverse_b) @ difference[..., :, None])[..., 0, 0]
    return (spread + shift) / 2


def colour_distance(moments: np.ndarray, real: np.ndarray) -> Estimate:
    """Symmetric KL of two sets' Gaussians, in nats, from their `colour_moments`."""
    reference = gaussian(real.mean(0))
    return estimate(moments, lambda means: symmetric_kl(gaussian(means), reference))
