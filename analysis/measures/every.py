"""All measures of a set of images against a real one, as one record that a result file can hold."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from analysis.feature_space import FeatureSpace
from analysis.image_set import ImageSet
from analysis.measures import colour, neighbours, spread, texture
from analysis.measures.coherence import coherence
from analysis.measures.interval import Estimate, estimate

ENOUGH = 1000  # images; with fewer, a warning


class Measure(NamedTuple):
    """What reports say of a measure."""

    title: str
    meaning: str
    against: bool  # whether it compares with the real set
    own: str = "recalled"  # "recalled": from the paper, defined by us; "ours"; or who published it


MEASURES = {
    "colour": Measure("Colour distance", "symmetric KL divergence, in nats, between Gaussians of pixels in CIELAB; 0 "
                      "means the same mean and spread of colour", True),
    "spectrum": Measure("Spectrum exponent", "a of 1/f^a fitted to the mean amplitude spectrum; photos have about 1, "
                        "white noise 0", False),
    "derivatives": Measure("Derivative kurtosis", "how sparse differences of neighbouring pixels are; 3 for normal "
                           "noise, more where edges are few and strong", False, "ours"),
    "wavelets": Measure("Wavelet kurtosis", "the same for coefficients of a steerable pyramid", False),
    "coherence": Measure("Coherence", "share of comparisons in which a view is more like the other view of its image "
                         "than like a view of another image; 0.5 is chance", False),
    "frechet": Measure("Fréchet distance", "between Gaussians of features; 0 means the same mean and covariance", True,
                       "Heusel et al. 2017, in other features"),
    "precision": Measure("Precision", "share of the set's images that lie among real ones in feature space", True,
                         "Kynkäänniemi et al. 2019"),
    "recall": Measure("Recall", "share of real images that lie among the set's", True, "Kynkäänniemi et al. 2019"),
    "density": Measure("Density", "like precision, but counts how many real neighbourhoods hold an image of the set; "
                       "1 for the same law", True, "Naeem et al. 2020"),
    "coverage": Measure("Coverage", "share of real images that have an image of the set in their neighbourhood", True,
                        "Naeem et al. 2020"),
    "volume": Measure("Log-volume", "½ log det(I + C / s) of the features' covariance C, in nats, with s the mean "
                      "variance of the real set's features; larger is more diverse", False),
    "rank": Measure("Effective rank", "exp of the entropy of the covariance's eigenvalues: over how many directions "
                    "of feature space the set spreads", False, "Roy and Vetterli 2007"),
    "duplicates": Measure("Duplicates", f"share of images that another one equals up to {neighbours.SAME:g} levels of "
                          "255", False, "ours"),
}


@dataclass
class Measured:
    """A set with everything that several measures share, each computed once."""

    images: ImageSet
    space: FeatureSpace

    @cached_property
    def features(self) -> np.ndarray:
        return self.space(self.images.images, self.images.name)

    @cached_property
    def gaussian(self) -> spread.Gaussian:
        return spread.Gaussian(self.features)

    @cached_property
    def moments(self) -> np.ndarray:
        return colour.colour_moments(self.images.images)


def measure(fake: Measured, real: Measured) -> dict[str, Any]:
    """Values with their intervals, details for figures, notes and warnings. Where `fake` is `real`, only measures of
    one set."""
    estimates: dict[str, Estimate] = {}
    notes = list(fake.images.notes)
    grey = texture.grey(fake.images.images)
    profile = texture.amplitudes(grey)
    estimates["spectrum"] = estimate(profile, texture.spectrum_exponent)
    for name, values in (("derivatives", texture.derivative_kurtosis(grey)),
                         ("wavelets", texture.wavelet_kurtosis(grey))):
        estimates[name], flat = texture.typical(values)
        if flat:
            notes.append(f"{name} leaves out {flat} flat images")
    estimates["coherence"] = estimate(coherence(fake.images.images, fake.space))
    estimates["volume"] = spread.log_volume(fake.gaussian, real.gaussian.variance or 1.0)
    estimates["rank"] = spread.effective_rank(fake.gaussian)
    estimates["duplicates"] = estimate(neighbours.duplicates(fake.images.images))
    if fake is not real:
        estimates["colour"] = colour.colour_distance(fake.moments, real.moments)
        estimates["frechet"] = spread.frechet_distance(fake.gaussian, real.gaussian)
        for (first, second), compare in ((("precision", "recall"), neighbours.precision_recall),
                                         (("density", "coverage"), neighbours.density_coverage)):
            estimates[first], estimates[second] = map(estimate, compare(fake.features, real.features))
    mean, covariance = colour.gaussian(fake.moments.mean(0))
    low, high = texture.fit_range(grey.shape[1])
    return {
        "dimensions": fake.features.shape[1],
        "measures": {name: _numbers(estimates[name]) for name in MEASURES if name in estimates},
        "spectrum": {"amplitude": [float(f"{a:.5g}") for a in profile.mean(0)], "fit_from": low, "fit_to": high,
                     "residual": texture.spectrum_residual(profile.mean(0))},
        "colour": {"mean": mean.tolist(), "covariance": covariance.tolist()},
        "notes": notes,
        "warnings": warnings(len(fake.features), len(real.features), fake.features.shape[1]),
    }


def _numbers(found: Estimate) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in found._asdict().items()}


def warnings(count: int, real_count: int, dimensions: int) -> list[str]:
    """What too few images do to the measures."""
    found, fewest = [], min(count, real_count)
    if fewest < ENOUGH:
        found.append(f"{fewest} images are few: precision, recall and coverage fall, and distances rise, with fewer "
                     f"than {ENOUGH:,}; compare only sets of equal numbers")
    if fewest < 2 * dimensions:
        found.append(f"{fewest} images for {dimensions} features: Fréchet distance is too large, log-volume and "
                     "effective rank too small; compare only sets of equal numbers")
    return found
