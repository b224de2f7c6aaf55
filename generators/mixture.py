"""A mixture of named datasets: each image is one of a component's own, and which component is drawn by weight.

    python -m generators.mixture --components "dead_leaves-mixed=0.5 stat-spectrum=0.5" --output data/my_mix
    python -m generators mixed-4 --encoder encoder.pth          # the four sets of the authors' released mixture

Nothing is copied: an image of component c that is the n-th of its kind in the mixture is image n of dataset c with the
same seed and resolution, so a mixture holds the first images of each component, and groups of images that share
something drawn stay together.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.writer import ImageProcess, parameters, rendered
from generators.named import find, load, needs
from generators.process import check, option, stream_key
from utils.cli import UserError
from utils.seeding import uniforms


def parse_components(text: str) -> dict[str, float]:
    """'a=0.25 b=0.75' -> {'a': 0.25, 'b': 0.75}. Raises UserError for an unknown, repeated or nested name, a weight
    that is no positive number, and weights that do not sum to 1 (to within 1e-6)."""
    weights: dict[str, float] = {}
    for part in text.split():
        name, _, number = part.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = 0
        if not weight > 0:
            raise UserError(f"component {part!r} should be NAME=WEIGHT, weight above 0, as in 'stat-spectrum=0.5'")
        if name in weights:
            raise UserError(f"component {name!r} stands twice; add up its weights")
        if find(name).process == "mixture.Mixture":
            raise UserError(f"component {name!r} is a mixture itself; name its components instead")
        weights[name] = weight
    if abs(sum(weights.values()) - 1) > 1e-6:
        raise UserError(f"the weights of {text!r} sum to {sum(weights.values()):g} and should sum to 1")
    return weights


@dataclass(frozen=True)
class Mixture:
    """Images of several named datasets. Raises UserError for what `parse_components` or a component refuses."""

    components: str = option("", "names and weights that sum to 1, as in 'dead_leaves-mixed=0.5 stat-spectrum=0.5'")
    encoder: str = option("", "checkpoint, for components that need one", seeds=False)
    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)
        if not self.components:
            raise UserError('pass the --components of the mixture, such as "dead_leaves-mixed=0.5 stat-spectrum=0.5"')
        if self.encoder and not any(needs(name, "encoder") for name in parse_components(self.components)):
            raise UserError("none of the components needs an --encoder; leave it out")
        processes(self)

    def contents(self) -> dict[str, Any]:
        """The components with their parameters, among them the fingerprint of the encoder."""
        weights = parse_components(self.components)
        return {"encoder": "see components" if self.encoder else "",
                "components": {name: {"weight": weight, **parameters(process)}
                               for (name, weight), process in zip(weights.items(), processes(self), strict=True)}}

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        indices = np.asarray(indices)
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        if len(indices) == 0:
            return images
        which, number = assignment(self, 1 << int(indices.max()).bit_length())
        for c, process in enumerate(processes(self)):
            mine = which[indices] == c
            if mine.any():
                images[mine] = rendered(process, number[indices[mine]])
        return images


@functools.lru_cache(maxsize=2)
def processes(mixture: Mixture) -> tuple[ImageProcess, ...]:
    """The component processes, in the order written."""
    return tuple(load(name, mixture.resolution, mixture.seed, mixture.encoder)
                 for name in parse_components(mixture.components))


@functools.lru_cache(maxsize=2)
def assignment(mixture: Mixture, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For images 0 .. count - 1: which component, uint8 [count], and the number of the image in it, int64 [count].

    A uniform number of each image's own picks its component by weight; images of one component count up from 0.
    """
    weights = list(parse_components(mixture.components).values())
    drawn = uniforms(stream_key(mixture), np.arange(count), 1)[:, 0]
    which = np.searchsorted(np.cumsum(weights)[:-1], drawn, side="right").astype(np.uint8)
    number = np.empty(count, np.int64)
    for c in range(len(weights)):
        number[which == c] = np.arange(np.count_nonzero(which == c))
    return which, number


if __name__ == "__main__":
    from generators.command import process_command

    process_command("mixture.Mixture")
