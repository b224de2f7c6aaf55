"""How an accuracy is measured: an object a protocol. To add one, write its `fit` and list it in PROTOCOLS."""

import dataclasses
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from linear_eval.features.frozen import decode
from linear_eval.features.rows import Row
from linear_eval.probes import paper
from linear_eval.probes.cached import fit_probe
from linear_eval.probes.knn import NEIGHBOURS, TEMPERATURE, nearest_neighbours
from linear_eval.probes.moco import MOCO
from linear_eval.probes.streamed import LARGE, fit_streamed
from utils.cli import UserError
from utils.cpus import default_workers

Classify = Callable[[Tensor], Tensor]  # features float32 [M, D] -> classes int64 [M]


@dataclass
class Problem:
    """Training images, and their features."""

    row: Row
    paths: list[Path]  # of the N training images; none of stored examples
    labels: Tensor  # int64 [N] in [0, classes), on `device`
    classes: int
    features: Callable[[], Tensor]  # of the training images: float32 [N, D], computed when called
    seed: int
    device: torch.device
    state: Path | None = None  # a file for what a long fit of this very problem goes on from


class Paper:
    """A linear layer trained by Adam on random crops for 100 epochs: the authors' small-scale protocol (Baradad et al.
    2021, appendix and released code). Crops have the size that the encoder sees, at most 64×64; see `probes.paper`."""

    name, recipe = "paper", paper.PAPER

    def fit(self, problem: Problem) -> tuple[Classify, dict[str, Any]]:
        """(the fitted probe, what it settled on)"""
        begun = problem.state is not None and problem.state.exists()
        for start in range(0, 0 if begun else len(problem.paths), 1024):
            decode(problem.paths[start : start + 1024])  # a corrupt file ends this now, in one line, not in a worker
        linear = paper.train_linear(problem.row.features, problem.paths, problem.labels.cpu().numpy(),
                                    problem.classes, problem.seed, problem.device, default_workers(),
                                    recipe=dataclasses.replace(self.recipe, size=problem.row.view.size),
                                    state=problem.state)
        return lambda features: linear(features).argmax(1), self.recipe.settings

    def check(self, row: Row) -> None:
        """Raises UserError for a row that the protocol is not defined for."""
        largest, size = self.recipe.size, row.view.size
        if size > largest:
            raise UserError(f"protocol {self.name} takes random crops of at most {largest}×{largest} pixels; "
                            f"{row.name} sees {size}×{size}: use --protocol cached or knn")


class MocoLinear(Paper):
    """A linear layer trained by SGD on random crops for 100 epochs: the protocol of MoCo (He et al. 2020, section 4.1),
    by which the paper's and the follow-up's ResNet-50 were measured. Crops have the size that the encoder sees, at most
    224×224; see `probes.moco`."""

    name, recipe = "moco-linear", MOCO


class Cached:
    """Logistic regression on features computed once, its L2 weight chosen on held-out training images (multinomial, as
    scikit-learn's; protocol of Radford et al. 2021, "Learning transferable visual models", appendix A.3, with the
    choice made on training images). See `probes.cached`, and `probes.streamed` for features that fill the memory."""

    name = "cached"

    def fit(self, problem: Problem) -> tuple[Classify, dict[str, Any]]:
        features = problem.features()
        if features.nbytes > LARGE or features.device != problem.labels.device:
            probe = fit_streamed(features, problem.labels, problem.classes, problem.seed)
        else:
            probe = fit_probe(features, problem.labels, problem.classes, problem.seed)
        if probe.at_the_edge:
            print(f"warning: {problem.row.name}, {len(problem.labels)} training images: no L2 weight did "
                  "better than the strongest or the weakest that was tried; a better one may lie beyond",
                  file=sys.stderr)
        return probe.predict, {"l2": probe.l2, "path": list(probe.path)}

    def check(self, row: Row) -> None:
        pass


class KNN:
    """Weighted vote of the 20 nearest training images under the cosine of features (Wu et al. 2018, section 3.4; Caron
    et al. 2021). See `probes.knn`."""

    name = "knn"

    def fit(self, problem: Problem) -> tuple[Classify, dict[str, Any]]:
        features = problem.features()
        classify = functools.partial(nearest_neighbours, features, problem.labels, problem.classes)
        return classify, {"neighbours": NEIGHBOURS, "temperature": TEMPERATURE}

    def check(self, row: Row) -> None:
        pass


Protocol = Paper | Cached | KNN
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (Cached(), Paper(), MocoLinear(), KNN())}
