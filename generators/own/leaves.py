"""Leaves with textures: shapes with smooth or straight borders, shaded, in shadow of each other, and out of focus.

    python -m generators.own.leaves --output data/my_leaves --samples 100
    python -m generators own-leaves

A scene has one layer of leaves or, in 60 % of the images, three. A layer is dead leaves in the exact order (each laid
under those before, so what shows is the stationary law), but of a limited number, over one more leaf that has no end:

* radius r between r0 and r1 (shares of the side) with density proportional to r^-3; r0 is log-uniform in (0.04, 0.16),
  r1 uniform in (0.4, 1), for the image;
* outline: radii exp(a sum of harmonics 2 to 7), or a polygon of 3 to 6 corners, narrower across by a factor
  log-uniform in (1, 3.5); one leaf of seven has a hole;
* texture: a window at any scale in (0.4, 2), turned, on one of 64 textures (`generators.own.textures`); an image uses 2
  to 8 of these and 2 to 6 colour maps. Every 200 images have 64 textures of their own, so they are fast when made
  together;
* colour: a leaf's mean colour is drawn from its colour map, its contrast is U(0.2, 1.2);
* light: brighter along one direction, darker to the rim, and darker where nearer leaves stand towards the light.

Of three layers the back one fills the frame, the middle one has 2 to 40 leaves, the front one none to 4. One is in
focus, mostly the middle one; the others are blurred by U(0.3, 2) pixels (at 128) for each layer of distance, and throw
soft shadows on what is behind. Leaves with textures, gradients and depth of field are Achddou et al., "VibrantLeaves",
2025 (arXiv 2504.10201), where colours are those of photos; here they are random, and all numbers are ours.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generators.own.colour import colour_map
from generators.own.leaf_painter import ANGLES, NO_LEAF, blur, colour_in, lay_over, lit_image, paint_under
from generators.own.textures import random_texture
from generators.process import check, option, stream_key
from utils.memory import keep_freed_memory
from utils.seeding import generator, stable_key

GROUP, TEXTURES = 200, 64  # images that share textures, and how many
PACKED = 400  # leaves of a layer that fills the frame
HARMONICS = np.arange(2, 8)
TURN = 2 * np.pi * np.arange(ANGLES) / ANGLES
WAVES = np.concatenate([np.cos(np.outer(HARMONICS, TURN)), np.sin(np.outer(HARMONICS, TURN))]).astype(np.float32)


@functools.lru_cache(maxsize=2)
def textures_of(key: int, group: int, size: int) -> np.ndarray:
    """The textures of images group * GROUP .. (group + 1) * GROUP - 1: int8 [TEXTURES, size, size, 3], in 1/32 of the
    deviation of a field."""
    rng = generator(stable_key("textures", key), group)
    fields = np.stack([random_texture(rng, size) for _ in range(TEXTURES)])
    return np.ascontiguousarray(np.clip(32 * fields, -127, 127).astype(np.int8).transpose(0, 2, 3, 1))


def outlines(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random outlines, radii over a turn, the largest of them 1: float32 [count, ANGLES].

    Two of three are exp(sum over k of a_k cos(k t) + b_k sin(k t)), k = 2..7, with a_k and b_k normal of deviation
    U(0, 0.5) / k^0.8; the others are regular polygons.
    """
    deviation = 0.5 * rng.random((count, 1)) * np.tile(HARMONICS**-0.8, 2)
    radii = np.exp((deviation * rng.standard_normal((count, 2 * len(HARMONICS)))).astype(np.float32) @ WAVES)
    radii /= radii.max(axis=1, keepdims=True)
    straight = np.flatnonzero(rng.random(count) < 1 / 3)
    side = 2 * np.pi / rng.integers(3, 7, (len(straight), 1))
    radii[straight] = np.cos(side / 2) / np.cos(TURN % side - side / 2)
    return radii


def random_leaves(rng: np.random.Generator, count: int, size: int, smallest: float, largest: float) -> np.ndarray:
    """Leaves as `paint_under` takes them, float32 [count, 11], with radii of density r^-3 between two shares of the
    side."""
    radius = size / np.sqrt(rng.uniform(largest**-2, smallest**-2, count))
    turn, hole = rng.uniform(0, 2 * np.pi, count), rng.random(count)
    return np.column_stack([
        rng.uniform(0, size, (count, 2)), radius, np.cos(turn), np.sin(turn),
        np.exp(rng.uniform(0, np.log(3.5), count)), np.where(hole < 1 / 7, 0.2 + 3 * hole, 0),
        rng.uniform(-0.25, 0.25, (count, 2)), rng.normal(0, 0.25, count), rng.uniform(0, 0.5, count),
    ]).astype(np.float32)


class Look:
    """What the leaves of one image have in common: textures, colour maps, light and sizes."""

    def __init__(self, rng: np.random.Generator, size: int, textures: np.ndarray):
        self.rng, self.size, self.textures = rng, size, textures
        self.chosen = rng.integers(0, TEXTURES, rng.integers(2, 9))
        self.maps = np.stack([colour_map(rng) for _ in range(rng.integers(2, 7))])
        self.smallest, self.largest = 0.04 * np.exp(rng.uniform(0, np.log(4))), rng.uniform(0.4, 1)
        turn = rng.uniform(0, 2 * np.pi)
        self.light, self.darkness = np.array([np.cos(turn), np.sin(turn)]), rng.uniform(0, 0.7)
        self.shadow = self.light * size * rng.uniform(0.01, 0.05)  # the way to what casts the longest shadow

    def layer(self, count: int, smallest: float, endless: bool) -> np.ndarray:
        """A layer of `count` leaves, float32 [4, N, N] as `colour_in` returns it; the last may be `endless`: it shows
        wherever no other does."""
        rng, size = self.rng, self.size
        leaves = random_leaves(rng, count, size, smallest, max(self.largest, 1.5 * smallest))
        labels, shades = np.full((size, size), NO_LEAF, np.int32), np.ones((size, size), np.float32)
        paint_under(leaves, outlines(rng, count), labels, shades)
        if endless:
            labels[labels == NO_LEAF] = count - 1
        turn, zoom = rng.uniform(0, 2 * np.pi, count), np.exp(rng.uniform(np.log(0.4), np.log(2), count))
        windows = np.column_stack([rng.choice(self.chosen, count), zoom * np.cos(turn), zoom * np.sin(turn),
                                   rng.uniform(0, size, (count, 2))]).astype(np.float32)
        colours = self.maps[rng.integers(0, len(self.maps), count)]
        colours[:, :, 3] += np.einsum("nck,nk->nc", colours[:, :, :3], rng.standard_normal((count, 3), np.float32))
        colours[:, :, :3] *= rng.uniform(0.2, 1.2, (count, 1, 1)).astype(np.float32)
        return colour_in(labels, shades, self.textures, windows, colours, *self.shadow, self.darkness)


def scene(rng: np.random.Generator, size: int, textures: np.ndarray) -> np.ndarray:
    """One image: uint8 [size, size, 3]."""
    look = Look(rng, size, textures)
    deep, packed = rng.random() < 0.6, rng.random() < 0.6
    counts = [PACKED if packed or not deep else int(np.exp(rng.uniform(0, 3)))]
    if deep:
        counts += [int(np.exp(rng.uniform(np.log(2), np.log(40)))), rng.integers(0, 5)]
    focus = rng.choice(3, p=[0.3, 0.6, 0.1]) if deep else 0
    step, finest = size / 128 * rng.uniform(0.3, 2), size / 128 * rng.uniform(0.25, 0.5)
    picture = np.zeros((3, size, size), np.float32)
    for depth, count in enumerate(counts):
        if count == 0:
            continue
        layer = look.layer(count, look.smallest * (1, 2, 3)[depth], depth == 0)
        layer = blur(layer, max(step * abs(depth - focus), finest))
        shadow = blur(layer[3:], size / 40)[0] if depth else layer[3]
        lay_over(picture, layer, shadow, *np.rint(2 * look.shadow).astype(int), look.darkness)
    return lit_image(picture, *(look.light * rng.uniform(0, 0.4)))


@dataclass(frozen=True)
class Leaves:
    """Scenes of textured leaves. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    chunk = GROUP  # of one worker, which makes its textures once

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        keep_freed_memory()
        images, key = np.empty((len(indices), self.resolution, self.resolution, 3), np.uint8), stream_key(self)
        for image, index in zip(images, indices, strict=True):
            textures = textures_of(key, int(index) // GROUP, self.resolution)
            image[:] = scene(generator(key, int(index)), self.resolution, textures)
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("own.leaves.Leaves")
