"""Protocol `cached`: multinomial logistic regression on features computed once.

For standardised features x (mean 0, standard deviation 1 over the training set), labels y and weights W, b it minimises

    (1/N) Σ_i −log softmax(W x_i + b)[y_i]  +  (λ/2) ‖W‖²

by L-BFGS with strong-Wolfe line search on the full batch; b is not penalised. This is scikit-learn's
LogisticRegression with C = 1 / (λ N). λ is chosen on a fifth of the *training* set, held out class by class by seed:
the value of L2_GRID with the lowest cross-entropy there. A probe with that λ is then fitted to the whole training set.
The validation set takes no part in any of this.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from utils.cli import UserError
from utils.seeding import permutation, stable_key

L2_GRID = tuple(10.0 ** (exponent / 2) for exponent in range(2, -11, -1))  # λ: 10, 3.16, … 1e-5, from strong to weak
HELD_OUT = 0.2  # of the training images of each class


@dataclass(frozen=True)
class LinearProbe:
    """Class scores of features as they come: `F.linear(features, weight, bias)`, float32 [classes, D] and [classes]."""

    weight: Tensor
    bias: Tensor
    l2: float
    path: tuple[dict[str, float], ...] = ()  # what was tried: l2, cross-entropy and accuracy on the held-out images

    def predict(self, features: Tensor) -> Tensor:
        """The likeliest class of each row: features float32 [N, D] -> int64 [N]."""
        return F.linear(features, self.weight, self.bias).argmax(1)


def standardisation(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of each column, float32 [D].

    Constant columns get 0, so they are ignored; constant is what varies by less than 1e-4 of its mean, where float32
    scores, which take the mean off again, would be mostly rounding.
    """
    parts = features.split(8192)
    mean = sum(part.double().sum(0) for part in parts) / len(features)
    std = (sum((part.double() - mean).square().sum(0) for part in parts) / len(features)).sqrt()
    inverse = torch.where(std > 1e-4 * mean.abs() + 1e-30, 1 / std, 0.0)
    return mean.float(), inverse.float()


class LogisticRegression:
    """The objective above on fixed data, minimised for one λ after another, each from the last solution.

    features: float32 [N, D], never copied: standardisation acts on the weights instead, since
    W ((x − mean) / std) + b = (W / std) x + (b − (W / std) mean). labels: int64 [N].

    L-BFGS works on Z = W L, where L Lᵀ = correlation matrix / classes + λ is about the curvature of the objective (the
    shape of Böhning's 1992 bound). The minimum is the same; at 1,024 correlated features it is reached in tens of
    passes over the data instead of hundreds.
    """

    def __init__(self, features: Tensor, labels: Tensor, classes: int):
        self.features, self.labels = features, labels
        self.mean, self.inverse_std = standardisation(features)
        self.weight = features.new_zeros(classes, features.shape[1])  # acts on standardised features
        self.bias = features.new_zeros(classes)
        # Centred before they are multiplied: the difference of two large products may have negative eigenvalues.
        parts = ((part - self.mean) * self.inverse_std for part in features.split(8192))
        self.curvature = sum(part.T @ part for part in parts) / (len(features) * classes)

    def objective(self, weight: Tensor, bias: Tensor, l2: float) -> Tensor:
        raw_weight = weight * self.inverse_std
        scores = F.linear(self.features, raw_weight, bias - raw_weight @ self.mean)
        return F.cross_entropy(scores, self.labels) + l2 / 2 * weight.square().sum()

    def fit(self, l2: float, tolerance: float = 1e-6) -> LinearProbe:
        """Minimise for `l2` from the last solution, until no entry of the gradient in Z is above `tolerance`."""
        # A preconditioner need not be exact: the 1e-3 keeps its factorisation safe in float32.
        identity = torch.eye(len(self.mean), device=self.mean.device)
        root = torch.linalg.cholesky(self.curvature + (l2 + 1e-3) * identity)
        inverse_root = torch.linalg.solve_triangular(root, identity, upper=False)
        z = (self.weight @ root).requires_grad_()
        bias = self.bias.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([z, bias], max_iter=500, history_size=10, line_search_fn="strong_wolfe",
                                      tolerance_grad=tolerance, tolerance_change=1e-9)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.objective(z @ inverse_root, bias, l2)
            loss.backward()
            return loss

        optimizer.step(closure)
        self.weight, self.bias = (z @ inverse_root).detach(), bias.detach()
        raw_weight = self.weight * self.inverse_std
        return LinearProbe(raw_weight, self.bias - raw_weight @ self.mean, l2)


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


def choose_l2(features: Tensor, labels: Tensor, classes: int, seed: int) -> tuple[dict[str, float], ...]:
    """Walk L2_GRID from strong to weak, each fit starting from the last, and measure each on held-out training images.

    Stops at the first value that is worse than the one before. Returns the path: l2, cross_entropy, accuracy (%).
    """
    fit, held_out = (torch.from_numpy(rows).to(features.device) for rows in split_held_out(labels.cpu().numpy(), seed))
    regression = LogisticRegression(features[fit], labels[fit], classes)
    left_out, left_out_labels = features[held_out], labels[held_out]
    path: list[dict[str, float]] = []
    for l2 in L2_GRID:
        probe = regression.fit(l2, tolerance=1e-4)  # a choice needs no more
        scores = F.linear(left_out, probe.weight, probe.bias)
        path.append({"l2": l2, "cross_entropy": F.cross_entropy(scores, left_out_labels).item(),
                     "accuracy": 100 * (scores.argmax(1) == left_out_labels).double().mean().item()})
        if len(path) > 1 and path[-1]["cross_entropy"] > path[-2]["cross_entropy"]:
            break
    return tuple(path)


def fit_probe(features: Tensor, labels: Tensor, classes: int, seed: int) -> LinearProbe:
    """A probe on the whole training set, with the λ that `choose_l2` finds best.

    features: float32 [N, D]; labels: int64 [N] in [0, classes), on the same device.
    """
    path = choose_l2(features, labels, classes, seed)
    l2 = min(path, key=lambda tried: tried["cross_entropy"])["l2"]
    probe = LogisticRegression(features, labels, classes).fit(l2)
    return LinearProbe(probe.weight, probe.bias, l2, path)
