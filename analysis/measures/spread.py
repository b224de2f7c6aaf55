"""Measures on the Gaussian of a set's features: Fréchet distance, log-volume and effective rank.

* Fréchet distance of Gaussians, |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½) (Dowson and Landau 1982; Heusel et al., NeurIPS
  2017). It is the FID only where the features are Inception's.
* Log-volume: ½ log det(I + C / s), where s is the mean variance of REAL's features: the rate, in nats, that codes a
  feature up to an error of s a dimension (Ma et al. 2007). It is 0 for a repeated image and needs no inverse of C. That
  the paper's "diversity" is a log-volume of features is recalled; the scale s is ours.
* Effective rank: exp of the entropy of C's normalised eigenvalues (Roy and Vetterli, EUSIPCO 2007).

All three change, to first order, by a mean over images (`influence`), which gives their intervals. All are biased where
there are not many more images than features: distances up, volume and rank down.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.measures.interval import Estimate, linear_estimate

NOTHING = 1e-10  # of the largest eigenvalue: below it, rounding


@dataclass
class Gaussian:
    """Mean and covariance of features, float [N, D], and what is computed from them once."""

    features: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        return self.features.mean(0, dtype=np.float64)

    @cached_property
    def centred(self) -> np.ndarray:
        return self.features - self.mean

    @cached_property
    def covariance(self) -> np.ndarray:
        """Over N - 1."""
        return self.centred.T @ self.centred / (len(self.features) - 1)

    @cached_property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues [D], at least 0, and eigenvectors [D, D] of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        return values.clip(min=0), vectors

    @cached_property
    def root(self) -> np.ndarray:
        """The symmetric square root of the covariance."""
        values, vectors = self.axes
        return (vectors * np.sqrt(values)) @ vectors.T

    @property
    def variance(self) -> float:
        """Mean over features."""
        return float(np.trace(self.covariance) / len(self.covariance))


def frechet_distance(fake: Gaussian, real: Gaussian) -> Estimate:
    """Between two sets' Gaussians, in squared units of the features."""
    values, vectors = np.linalg.eigh(real.root @ fake.covariance @ real.root)
    roots = np.sqrt(values.clip(min=0))
    shift = fake.mean - real.mean
    distance = shift @ shift + np.trace(fake.covariance) + np.trace(real.covariance) - 2 * roots.sum()
    kept = values > NOTHING * max(values[-1], 1e-300)
    half = real.root @ vectors[:, kept] / np.sqrt(roots[kept])
    y = fake.centred  # the derivative of -2 tr (C₁ C₂)^½ is minus `half` times its transpose
    influence = 2 * y @ shift + np.square(y).sum(1) - np.square(y @ half).sum(1)
    return linear_estimate(max(float(distance), 0.0), influence)


def log_volume(fake: Gaussian, scale: float) -> Estimate:
    """½ log det(I + C / scale), in nats."""
    values, vectors = fake.axes
    influence = np.square(fake.centred @ vectors) @ (0.5 / (scale + values))
    return linear_estimate(float(np.log1p(values / scale).sum() / 2), influence)


def effective_rank(fake: Gaussian) -> Estimate:
    """exp of the entropy of the share of variance along each axis; 1 for a set without variance."""
    values, vectors = fake.axes
    kept = values > NOTHING * values[-1]
    if values[-1] <= 1e-12 * (fake.mean @ fake.mean):  # rounding of equal features
        return Estimate(1.0, 1.0, 1.0)
    share = values[kept] / values[kept].sum()
    entropy = -(share * np.log(share)).sum()
    slope = -(np.log(share) + entropy) / values[kept].sum()
    influence = np.exp(entropy) * np.square(fake.centred @ vectors[:, kept]) @ slope
    return linear_estimate(float(np.exp(entropy)), influence)
