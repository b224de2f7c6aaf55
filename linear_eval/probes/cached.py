"""Protocol `cached`: multinomial logistic regression on features computed once.

For standardised features z (mean 0 and standard deviation 1 over the training images, then held to -10..10), labels y
and weights W, b it minimises

    (1/N) Σ_i −log softmax(W z_i + b)[y_i]  +  (λ/2) ‖W‖²

by L-BFGS with strong-Wolfe line search on the full batch; b is not penalised. This is scikit-learn's
LogisticRegression with C = 1 / (λ N). λ is chosen on a fifth of the *training* set, held out class by class by seed:
the value around which accuracy is highest there (`best`). A probe with that λ is then fitted to the whole training set.
The validation set takes no part in any of this.

Why a bound: a feature that is active in one of 800 images has a tiny standard deviation, and another image may lie
3,000 of them away. Its scores, and any mean over images, would be those of one feature of one image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from utils.cli import UserError
from utils.seeding import permutation, stable_key

BOUND = 10.0  # of standardised features
COARSE = tuple(exponent / 2 for exponent in range(2, -11, -1))  # log10 λ: 10, 3.16, ... 1e-5
FINER = 1 / 4  # then so far to each side of the best
WINDOW = 1.5  # decades of λ to each side over which accuracies are averaged
HELD_OUT = 0.2  # of the training images of each class
PART = 8192  # rows that are worked on at a time


@dataclass(frozen=True)
class Standardise:
    """Columns with mean 0 and standard deviation 1, held to ±BOUND. mean, inverse_std: float32 [D]."""

    mean: Tensor
    inverse_std: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Standardise":
        """The standardisation that the columns of features, float32 [N, D], need.

        Constant columns become 0; constant is what varies by less than 1e-4 of its mean, too little for float32.
        """
        mean = sum(part.double().sum(0) for part in features.split(PART)) / len(features)
        std = (sum((part.double() - mean).square().sum(0) for part in features.split(PART)) / len(features)).sqrt()
        return cls(mean.float(), torch.where(std > 1e-4 * mean.abs() + 1e-30, 1 / std, 0.0).float())

    def __call__(self, features: Tensor) -> Tensor:
        """float32 [N, D], both; a copy."""
        return ((features - self.mean) * self.inverse_std).clamp_(-BOUND, BOUND)


@dataclass(frozen=True)
class LinearProbe:
    """Class scores of features as they come, float32 [N, D]."""

    standardise: Standardise
    weight: Tensor  # float32 [classes, D]
    bias: Tensor  # float32 [classes]
    l2: float
    path: tuple[dict[str, float], ...] = ()  # what was tried, by falling l2: accuracy (%) on the held-out images

    @property
    def at_the_edge(self) -> bool:
        """Whether the best that was tried is the first or last and makes mistakes: one beyond may be better."""
        strongest, weakest = self.path[0]["accuracy"], self.path[-1]["accuracy"]
        return max(tried["accuracy"] for tried in self.path) == max(strongest, weakest) < 100

    def predict(self, features: Tensor) -> Tensor:
        """The likeliest class of each row: features float32 [N, D] -> int64 [N]."""
        parts = features.split(PART)
        return torch.cat([F.linear(self.standardise(part), self.weight, self.bias).argmax(1) for part in parts])


class LogisticRegression:
    """The objective above on fixed data. z: float32 [N, D], about standardised. labels: int64 [N] in [0, classes).

    It is minimised over the weights of the principal components of z, `z @ axes`: a rotation, which changes neither
    scores nor ‖W‖. Components without variance get no weight and are left out, so at most N remain. Along a component,
    variance / classes + λ is about the curvature of the objective (the shape of Böhning's 1992 bound), and L-BFGS works
    on weights times its root. At 1,024 correlated features that takes tens of passes over the data, not hundreds.
    """

    def __init__(self, z: Tensor, labels: Tensor, classes: int):
        self.labels, self.classes = labels, classes
        if len(z) < z.shape[1]:  # fewer rows than columns: theirs is the smaller problem, with the same variances
            variance, rows = torch.linalg.eigh((z @ z.T).double())
            kept = variance > 1e-9 * variance[-1]
            self.axes = z.T @ (rows[:, kept] / variance[kept].sqrt()).float()
        else:
            variance, axes = torch.linalg.eigh(z.T @ z)
            kept = variance > 1e-6 * variance[-1]
            self.axes = axes[:, kept]  # [D, K]
        self.components = z @ self.axes  # [N, K]
        self.curvature = variance[kept].float() / (len(z) * classes)

    @classmethod
    def of(cls, features: Tensor, standardise: Standardise, labels: Tensor, classes: int) -> "LogisticRegression":
        """On features as they come, float32 [N, D]."""
        return cls(standardise(features), labels, classes)

    def objective(self, weight: Tensor, bias: Tensor, l2: float) -> Tensor:
        scores = F.linear(self.components, weight, bias)
        return F.cross_entropy(scores, self.labels) + l2 / 2 * weight.square().sum()

    def fit(self, l2: float, start: tuple[Tensor, Tensor] | None = None,
            tolerance: float = 1e-6) -> tuple[Tensor, Tensor]:
        """Weight [classes, K] and bias [classes] of the minimum for `l2`: no entry of the gradient that L-BFGS sees is
        above `tolerance`. `start` is where to begin (None: at 0)."""
        new = self.axes.new_zeros
        weight, bias = start or (new(self.classes, self.axes.shape[1]), new(self.classes))
        root = (self.curvature + l2).sqrt()
        v, bias = (weight * root).requires_grad_(), bias.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([v, bias], max_iter=500, history_size=10, line_search_fn="strong_wolfe",
                                      tolerance_grad=tolerance, tolerance_change=1e-9)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.objective(v / root, bias, l2)
            loss.backward()
            return loss

        optimizer.step(closure)
        return (v / root).detach(), bias.detach()


def split_held_out(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to fit on and to choose λ on: a fifth of each class, but at least one image of a class with two.

    labels: int64 [N]. Raises UserError if no class has two images.
    """
    fit, held_out = [], []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[permutation(stable_key("held-out", seed), int(label), len(rows))]
        count = max(round(HELD_OUT * len(rows)), 1) if len(rows) > 1 else 0
        held_out.append(rows[:count])
        fit.append(rows[count:])
    if not sum(map(len, held_out)):
        raise UserError(f"{len(labels)} training images leave none to choose the regularisation on: at least one class "
                        "needs two")
    return np.sort(np.concatenate(fit)), np.sort(np.concatenate(held_out))


def choose_l2(features: Tensor, labels: Tensor, classes: int, seed: int,
              regression_of: Callable[..., LogisticRegression] = LogisticRegression.of) -> dict[float, float]:
    """Accuracy (%) on held-out training images for each log10 λ tried: half decades, then closer to the best."""
    fit, held_out = (torch.from_numpy(rows).to(labels.device) for rows in split_held_out(labels.cpu().numpy(), seed))
    standardise = Standardise.of(features[fit])
    regression = regression_of(features[fit], standardise, labels[fit], classes)
    others, answers = features[held_out], labels[held_out]
    solutions, accuracy = {}, {}

    def measure(exponent: float) -> None:
        nearest = min(solutions, key=lambda tried: abs(tried - exponent), default=None)
        solution = regression.fit(10.0**exponent, solutions.get(nearest), tolerance=1e-3)  # a choice needs no more
        solutions[exponent] = solution
        probe = LinearProbe(standardise, solution[0] @ regression.axes.T, solution[1], 10.0**exponent)
        accuracy[exponent] = 100 * (probe.predict(others) == answers).double().mean().item()

    for exponent in COARSE:
        measure(exponent)
    middle = best(accuracy)
    measure(middle + FINER)
    measure(middle - FINER)
    return accuracy


def best(accuracy: dict[float, float]) -> float:
    """The log10 λ where the accuracy, averaged over the values around it, is highest; of equals the middle one.

    A few hundred held-out images make the highest of a dozen accuracies a matter of luck, and of many equals, such as
    100 %, the outermost ones are the least certain.
    """
    tried = np.array(sorted(accuracy))
    near = (WINDOW - np.abs(tried[:, None] - tried)).clip(min=0)
    average = near @ [accuracy[exponent] for exponent in tried] / near.sum(1)
    equal = tried[average >= average.max() - 1e-9]
    return float(equal[len(equal) // 2])


def fit_probe(features: Tensor, labels: Tensor, classes: int, seed: int,
              regression_of: Callable[..., LogisticRegression] = LogisticRegression.of) -> LinearProbe:
    """A probe on the whole training set, with the `best` λ of `choose_l2`.

    features: float32 [N, D]; labels: int64 [N] in [0, classes), on the same device.
    """
    accuracy = choose_l2(features, labels, classes, seed, regression_of)
    exponent = best(accuracy)
    standardise = Standardise.of(features)
    regression = regression_of(features, standardise, labels, classes)
    weight, bias = regression.fit(10.0**exponent)
    path = tuple({"l2": 10.0**tried, "accuracy": accuracy[tried]} for tried in sorted(accuracy, reverse=True))
    return LinearProbe(standardise, weight @ regression.axes.T, bias, 10.0**exponent, path)
