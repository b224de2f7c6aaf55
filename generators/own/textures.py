"""Textures: random programs, noise and waves, alone or mixed, and half of them warped.

    python -m generators.own.textures --output data/my_textures --samples 100
    python -m generators own-textures

A texture is one pattern or, in half of the images, two: their mean with a weight uniform in (0, 1), or one where a
smooth random field is above a level and the other where it is below. A pattern is, with chances 0.50, 0.37 and 0.13:

* a random program (`generators.own.programs`);
* noise of amplitude spectrum 1 / f^s, s uniform in (0.5, 2.5), isotropic or of streaks;
* the sum of one to three plane waves of 2 to N / 5 periods, log-uniform, in random directions, bent by smooth noise and
  sharpened by a smooth step.

Half of the images are then warped: pixels are fetched from places moved by smooth noise of a deviation of up to 6 % of
the side. The mixing in colour, not of grey patterns, follows Achddou et al., "VibrantLeaves", 2025 (arXiv 2504.10201),
as do the three kinds; the numbers are ours. Colours: `generators.own.colour`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from generators.own.colour import colour_map, to_image
from generators.own.programs import power_noise, random_program, sine, standardise, streaks
from generators.process import check, option, render_each
from generators.statistical.colour_model import REORDER

PROGRAM, NOISE = 0.5, 0.87  # a uniform number below these, in turn; else waves


@njit(cache=True, nogil=True, fastmath=REORDER)
def plane_waves(waves: np.ndarray, bend: np.ndarray, out: np.ndarray) -> None:
    """Sums of plane waves, for each of C fields: float32 [C, N, N] into `out`.

    waves: float32 [C, K, 5]: periods across the image and down it, phase in periods, weight, and slope of the step.
    bend: float32 [N, N], added to all phases, in periods.
    """
    count, size, _ = out.shape
    step = np.float32(1 / size)
    for c in range(count):
        out[c] = 0
        for k in range(waves.shape[1]):
            across, down, phase, weight, slope = waves[c, k]
            for y in range(size):
                start = down * np.float32(y) * step + phase
                for x in range(size):
                    t = slope * sine(start + across * np.float32(x) * step + bend[y, x])
                    out[c, y, x] += weight * t / np.sqrt(np.float32(1) + t * t)


def random_waves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Three fields of waves, of mean 0 and deviation 1: float32 [3, size, size]."""
    count = rng.integers(1, 4)
    periods = np.exp(rng.uniform(np.log(2), np.log(max(size / 5, 3)), count))
    angle, slope = rng.uniform(0, np.pi) + rng.normal(0, 0.6, count), np.exp(rng.uniform(-1, 2.5, count))
    waves = np.empty((3, count, 5), np.float32)
    waves[..., 0], waves[..., 1] = periods * np.cos(angle), periods * np.sin(angle)
    waves[..., 2], waves[..., 3], waves[..., 4] = rng.random((3, count)), rng.normal(size=(3, count)), slope
    fields = np.empty((3, size, size), np.float32)
    plane_waves(waves, power_noise(rng, size, 2.5)[0] * np.float32(rng.uniform(0, 0.5)), fields)
    for field in fields:
        standardise(field.reshape(-1))
    return fields


def random_pattern(rng: np.random.Generator, size: int) -> np.ndarray:
    """One pattern of the three kinds: float32 [3, size, size]."""
    kind = rng.random()
    if kind < PROGRAM:
        return random_program(rng, size)
    return streaks(rng, size, rng.uniform(0.5, 2.5), 3) if kind < NOISE else random_waves(rng, size)


@njit(cache=True, nogil=True, fastmath=REORDER)
def warp(fields: np.ndarray, moves: np.ndarray, amount: float) -> np.ndarray:
    """Fields, float32 [C, N, N], fetched from places moved by `amount` * moves, float32 [2, N, N], in pixels: by
    bilinear interpolation, and mirrored at the borders."""
    count, size, _ = fields.shape
    out, scale, last = np.empty_like(fields), np.float32(amount), np.float32(size - 1)
    for y in range(size):
        for x in range(size):
            u = abs(np.float32(x) + scale * moves[0, y, x])
            v = abs(np.float32(y) + scale * moves[1, y, x])
            u, v = max(last - abs(last - u), np.float32(0)), max(last - abs(last - v), np.float32(0))
            i, j = int(v), int(u)
            below, right = min(i + 1, size - 1), min(j + 1, size - 1)
            f, g = v - np.float32(i), u - np.float32(j)
            for c in range(count):
                top = fields[c, i, j] + g * (fields[c, i, right] - fields[c, i, j])
                bottom = fields[c, below, j] + g * (fields[c, below, right] - fields[c, below, j])
                out[c, y, x] = top + f * (bottom - top)
    return out


def random_texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """The three fields of a texture, with means near 0 and deviations near 1: float32 [3, size, size]."""
    fields, how = random_pattern(rng, size), rng.random()
    if how < 0.5:
        weight = np.float32(rng.random())
        if how < 0.25:
            slope = np.float32(np.exp(rng.uniform(1, 4)))
            level = slope * (power_noise(rng, size, rng.uniform(1.5, 2.5))[0] + np.float32(rng.normal(0, 0.7)))
            weight = (1 + level / np.sqrt(1 + level**2)) / 2
        fields = weight * fields + (1 - weight) * random_pattern(rng, size)
        for field in fields:
            standardise(field.reshape(-1))
    if rng.random() < 0.5:
        moves = power_noise(rng, size, rng.uniform(1.8, 2.8), count=2)
        fields = warp(fields, moves, size * rng.uniform(0, 0.06))
    return fields


@dataclass(frozen=True)
class Textures:
    """Images that are one texture each. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        return render_each(self, indices, lambda rng: to_image(random_texture(rng, self.resolution), colour_map(rng)))


if __name__ == "__main__":
    from generators.command import process_command

    process_command("own.textures.Textures")
