"""Protocol `cached` for features that would fill the memory: the same probe, the features read in parts.

The 2,048 features of ImageNet's 1.28 million images are 10.5 GB, and the probe of `cached` works on copies of
them. Here each pass goes over the memory map that `extract` left, PART rows at a time, on the device of the labels.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from linear_eval.probes.cached import PART, LinearProbe, LogisticRegression, Standardise, fit_probe

LARGE = 2 << 30  # bytes of features that are streamed, not copied


class Rows:
    """Some rows of features, float32 [N, D], of which no more than a part is on `device` at a time."""

    def __init__(self, features: Tensor, device: torch.device, rows: Tensor | None = None):
        self.features, self.device, self.rows = features, device, rows

    def __len__(self) -> int:
        return len(self.features if self.rows is None else self.rows)

    def __getitem__(self, rows: Tensor) -> "Rows":
        rows = rows.to(self.features.device)
        return Rows(self.features, self.device, rows if self.rows is None else self.rows[rows])

    def split(self, size: int) -> Iterator[Tensor]:
        for start in range(0, len(self), size):
            which = slice(start, start + size) if self.rows is None else self.rows[start : start + size]
            yield self.features[which].to(self.device)


class StreamedRegression(LogisticRegression):
    """The same objective, with loss and gradient summed over parts."""

    def __init__(self, rows: Rows, standardise: Standardise, labels: Tensor, classes: int):
        self.rows, self.standardise, self.labels, self.classes = rows, standardise, labels, classes
        products = sum((z.T @ z).double() for z in map(standardise, rows.split(PART)))
        variance, axes = torch.linalg.eigh(products)
        kept = variance > 1e-6 * variance[-1]
        self.axes = axes[:, kept].float()
        self.curvature = variance[kept].float() / (len(rows) * classes)

    def objective(self, weight: Tensor, bias: Tensor, l2: float) -> Tensor:
        with torch.no_grad():
            weight_of_z, count = weight @ self.axes.T, len(self.rows)
            loss, gradient, of_bias = torch.zeros((), dtype=torch.float64), torch.zeros_like(weight_of_z), 0.0
            for part, labels in zip(self.rows.split(PART), self.labels.split(PART), strict=True):
                z = self.standardise(part)
                scores = F.linear(z, weight_of_z, bias)
                loss += F.cross_entropy(scores, labels, reduction="sum").double().cpu()
                error = scores.softmax(1) - F.one_hot(labels, self.classes)
                gradient += error.T @ z
                of_bias = of_bias + error.sum(0)
            of_weight = gradient @ self.axes / count
            of_bias = of_bias / count
        # A function with that value and that gradient here.
        likelihood = ((loss / count).to(weight) + (of_weight * (weight - weight.detach())).sum()
                      + (of_bias * (bias - bias.detach())).sum())
        return likelihood + l2 / 2 * weight.square().sum()


def fit_streamed(features: Tensor, labels: Tensor, classes: int, seed: int) -> LinearProbe:
    """`cached.fit_probe`, on the device of the labels, with the features where they are."""
    return fit_probe(Rows(features, labels.device), labels, classes, seed, StreamedRegression)
