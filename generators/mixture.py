"""A mixture of named datasets: each image comes from one component, which is drawn by weight.

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

from datasets.image_folders.encode import ImageProcess, rendered
from datasets.image_folders.writer import parameters
from generators.named import find, make_process, needs
from generators.process import check, option, stream_key
from utils.cli import UserError
from utils.seeding import uniforms

BLOCK = 1 << 16  # images whose components are drawn together: of a hundred million, all would take gigabytes


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

    @property
    def chaotic(self) -> bool:
        return any(getattr(process, "chaotic", False) for process in processes(self))

    def contents(self) -> dict[str, Any]:
        """The components with their parameters, among them the fingerprint of the encoder."""
        weights = parse_components(self.components)
        return {"encoder": "see components" if self.encoder else "",
                "components": {name: {"weight": weight, **parameters(process)}
                               for (name, weight), process in zip(weights.items(), processes(self), strict=True)}}

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        which, number = np.array([place(self, int(index)) for index in indices], np.int64).reshape(-1, 2).T
        for c, process in enumerate(processes(self)):
            mine = which == c
            if mine.any():
                images[mine] = rendered(process, number[mine])
        return images


@functools.lru_cache(maxsize=2)
def processes(mixture: Mixture) -> tuple[ImageProcess, ...]:
    """The component processes, in the order written."""
    return tuple(make_process(name, mixture.resolution, mixture.seed, mixture.encoder)
                 for name in parse_components(mixture.components))


def place(mixture: Mixture, index: int) -> tuple[int, int]:
    """The component that image `index` comes from, and its number there: those of one component count up from 0."""
    block, position = divmod(index, BLOCK)
    before = counts_before(mixture)
    while len(before) <= block:
        counts = np.bincount(drawn_components(mixture, len(before) - 1), minlength=len(before[0]))
        before.append(before[-1] + counts)
    which = drawn_components(mixture, block)
    component = which[position]
    return component, before[block][component] + np.count_nonzero(which[:position] == component)


@functools.lru_cache(maxsize=2)
def drawn_components(mixture: Mixture, block: int) -> np.ndarray:
    """The components of images block * BLOCK .. (block + 1) * BLOCK - 1, uint8: drawn by weight, with one
    uniform number for each image."""
    weights = list(parse_components(mixture.components).values())
    drawn = uniforms(stream_key(mixture), np.arange(block * BLOCK, (block + 1) * BLOCK), 1)[:, 0]
    return np.searchsorted(np.cumsum(weights)[:-1], drawn, side="right").astype(np.uint8)


@functools.lru_cache(maxsize=2)
def counts_before(mixture: Mixture) -> list[np.ndarray]:
    """How many images of each component come before block 0, 1 ..: a list that `place` makes longer as it is needed."""
    return [np.zeros(len(processes(mixture)), np.int64)]


if __name__ == "__main__":
    from generators.command import process_command

    process_command("mixture.Mixture")
