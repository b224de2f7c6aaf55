"""Composites of named datasets: two images joined by the mask of a third, or the mean of two.

    python -m generators.own.composite --how mask --components "dead_leaves-mixed=0.5 own-programs=0.5" --output data/a
    python -m generators.own.composite --how mean --chance 0.5 --components own-masks=1 --output data/b
    python -m generators own-masks
    python -m generators own-exposed

The images come from the mixture of the components (`generators.mixture`) with the same seed and resolution. Composite i
is the mixture's image i, as it is or, with probability `chance`, with one or two others of the same two hundred: those
from 200 k to 200 k + 199, k = i // 200. So one image of the mixture is rendered for each composite, when they are made
200 at a time.

`mask` is m a + (1 - m) b by the mask m of the third, after Rodríguez-Muñoz et al., "Separating Knowledge and Perception
with Procedural Data", ICML 2025 (KML): the two clusters of its colours are found by three steps of Lloyd's k-means from
the first and the last of its colours in lexicographic order; the mask is 1 in the cluster of the last, and is blurred
twice by a box of 3 x 3 pixels. (They resize it between the blurs; here the third image has the size of the others.)
`mean` is (a + b) / 2; of images that are `mask` composites, it is their KML mixup. With `exposure`, each image then
gets one of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from datasets.image_folders.encode import rendered
from generators.mixture import Mixture, parse_components
from generators.named import needs
from generators.own.colour import exposed
from generators.process import check, option, stream_key
from utils.cli import UserError
from utils.seeding import generator, stable_key

GROUP = 200  # images that share their sources
HOW = ("mask", "mean")


@njit(cache=True, nogil=True)
def two_means(image: np.ndarray) -> np.ndarray:
    """The clusters of an image's colours, uint8 [H, W, 3], as described above: float32 [H, W], 0 or 1.

    A pixel as far from both centres belongs to the first cluster, and a centre without pixels stays.
    """
    height, width, _ = image.shape
    first, last = 1 << 24, -1
    for y in range(height):
        for x in range(width):
            code = np.int64(image[y, x, 0]) << 16 | np.int64(image[y, x, 1]) << 8 | np.int64(image[y, x, 2])
            first, last = min(first, code), max(last, code)
    centres, mask = np.zeros((2, 3)), np.zeros((height, width), np.float32)
    for c in range(3):
        centres[0, c], centres[1, c] = first >> 16 - 8 * c & 255, last >> 16 - 8 * c & 255
    for step in range(4):  # the fourth time only to assign
        sums, counts = np.zeros((2, 3)), np.zeros(2)
        line, level = np.empty(3), 0.0  # |p - a|² - |p - b|² = 2 p (b - a) + a² - b²
        for c in range(3):
            line[c] = 2 * (centres[1, c] - centres[0, c])
            level += centres[0, c] ** 2 - centres[1, c] ** 2
        for y in range(height):
            for x in range(width):
                r, g, b = np.float64(image[y, x, 0]), np.float64(image[y, x, 1]), np.float64(image[y, x, 2])
                k = 1 if r * line[0] + g * line[1] + b * line[2] + level > 0 else 0
                if step == 3:
                    mask[y, x] = k
                counts[k] += 1
                sums[k, 0] += r
                sums[k, 1] += g
                sums[k, 2] += b
        for k in range(2):
            for c in range(3 if counts[k] else 0):
                centres[k, c] = sums[k, c] / counts[k]
    return mask


@njit(cache=True, nogil=True)
def box_blur(mask: np.ndarray) -> np.ndarray:
    """The mean of the pixels within one of each, over those that there are: float32 [H, W]."""
    height, width = mask.shape
    out = np.empty_like(mask)
    for y in range(height):
        for x in range(width):
            rows, columns = range(max(y - 1, 0), min(y + 2, height)), range(max(x - 1, 0), min(x + 2, width))
            total = np.float32(0)
            for i in rows:
                for j in columns:
                    total += mask[i, j]
            out[y, x] = total / np.float32(len(rows) * len(columns))
    return out


def kml_mask(image: np.ndarray) -> np.ndarray:
    """The mask of an image, uint8 [H, W, 3]: float32 [H, W, 1] in 0..1."""
    return box_blur(box_blur(two_means(image)))[..., None]


def blend(a: np.ndarray, b: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """share * a + (1 - share) * b, rounded to the nearest level, of images uint8 [H, W, 3]."""
    return (share * a.astype(np.float32) + (1 - share) * b.astype(np.float32) + np.float32(0.5)).astype(np.uint8)


@dataclass(frozen=True)
class Composite:
    """Composites of the images of named datasets. Raises UserError for what `generators.mixture.Mixture` refuses, and
    for a chance outside 0..1."""

    components: str = option("", "names and weights that sum to 1, as in 'own-programs=0.5 own-textures=0.5'")
    how: str = option("mask", "two images joined by the mask of a third, or the mean of two", HOW)
    chance: float = option(1.0, "share of the images that are composed; the others are images of the components")
    exposure: bool = option(False, "give each image a random contrast and brightness, as photos have")
    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    chunk = GROUP  # of one worker: it renders each source once

    def __post_init__(self) -> None:
        check(self)
        if not 0 <= self.chance <= 1:
            raise UserError(f"chance must lie between 0 and 1, not {self.chance:g}")
        for name in parse_components(self.components) if self.components else ():
            if needs(name, "encoder"):
                raise UserError(f"component {name!r} needs an encoder, which composites do not take; leave it out")
        self.mixture  # noqa: B018  (refuses what it does not know)

    @property
    def mixture(self) -> Mixture:
        return Mixture(self.components, resolution=self.resolution, seed=self.seed)

    @property
    def chaotic(self) -> bool:
        return self.mixture.chaotic

    def contents(self) -> dict[str, Any]:
        """The components with their parameters."""
        return {"components": self.mixture.contents()["components"]}

    def sources(self, index: int) -> np.ndarray:
        """The images of the mixture that image `index` is made of, in the order a, b, mask: int64 [1], [2] or [3]."""
        rng, others = generator(stream_key(self), index), 2 if self.how == "mask" else 1
        others = others if rng.random() < self.chance else 0
        start, place = index // GROUP * GROUP, index % GROUP
        return start + (place + np.append(0, 1 + rng.choice(GROUP - 1, others, replace=False))) % GROUP

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        images = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8)
        chosen = [self.sources(int(index)) for index in indices]
        needed = np.unique(np.concatenate([[], *chosen]).astype(np.int64))
        made = dict(zip(needed.tolist(), rendered(self.mixture, needed), strict=True)) if len(needed) else {}
        exposures = stable_key("exposures", stream_key(self))
        for image, numbers in zip(images, chosen, strict=True):
            a, *rest = (made[number] for number in numbers.tolist())
            share = kml_mask(rest[1]) if len(rest) == 2 else np.float32(0.5)
            composed = blend(a, rest[0], share) if rest else a
            image[:] = exposed(composed, generator(exposures, int(numbers[0]))) if self.exposure else composed
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("own.composite.Composite")
