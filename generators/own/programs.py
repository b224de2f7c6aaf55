"""Random programs: images that are random formulas of the pixel's place, as in evolved art and shader code.

    python -m generators.own.programs --output data/my_programs --samples 100
    python -m generators own-programs

A program has 4 to 16 steps. Its inputs are x, y, the distance from a random point, noise of amplitude 1 / f^s, and more
noise or, in one program of three, a wave around that point. Each step takes earlier fields, the latest ones most often,
and makes a sine, a smooth step, a product, a ridge, a triangle wave, the larger of two, or one of two by the sign of a
third. Every field is brought to mean 0 and deviation 1, so that gains mean the same at any depth. The last three fields
are coloured by `generators.own.colour`.

Composed formulas are Sims, "Artificial Evolution for Computer Graphics", 1991; that thousands of shader programs teach
an encoder well is Baradad et al., "Procedural Image Programs for Representation Learning", NeurIPS 2022. The steps and
their numbers are ours.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numba import njit

from generators.own.colour import colour_map, to_image
from generators.process import check, option, render_each, white_noise
from generators.statistical.colour_model import REORDER

SINE, STEP, PRODUCT, RIDGE, TRIANGLE, LARGER, EITHER = range(7)
CHANCES = np.cumsum([0.26, 0.2, 0.14, 0.1, 0.08, 0.1, 0.12])
# Smallest and largest gain of each step, log-uniform between them: cycles, or slopes, for a deviation of the argument.
GAINS = np.log([[0.06, 0.7], [0.7, 12], [1, 1], [0.5, 4], [0.1, 0.7], [1, 1], [2, 30]])
INPUTS = 5  # x, y, distance, noise or a wave around, noise
AROUND = 1 / 3  # chance of the wave


def power_noise(rng: np.random.Generator, size: int, exponent: float, stretch: float = 1, angle: float = 0,
                count: int = 1) -> np.ndarray:
    """Noise of amplitude spectrum 1 / f^exponent, mean 0, deviation 1: float32 [count, size, size].

    f is measured after multiplying its part along `angle` (radians, from the right downwards) by `stretch`. Above 1
    that makes streaks in this direction, as in wood and grass.
    """
    across, down = frequencies(size)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    squared = (c * across + s * down) ** 2 * np.float32(stretch**2) + (c * down - s * across) ** 2
    squared[0, 0] = 1
    amplitude = squared ** np.float32(-exponent / 2)
    amplitude[0, 0] = 0
    spectrum = scipy.fft.rfft2(white_noise(rng, (count, size, size), 1))
    spectrum *= amplitude
    fields = scipy.fft.irfft2(spectrum, s=(size, size), overwrite_x=True)
    for field in fields:
        standardise(field.reshape(-1))
    return fields


def streaks(rng: np.random.Generator, size: int, exponent: float, count: int = 1) -> np.ndarray:
    """`power_noise` of random direction, stretched by 1 to e^2, log-uniform."""
    return power_noise(rng, size, exponent, np.exp(rng.uniform(0, 2)), rng.uniform(0, np.pi), count)


@functools.lru_cache
def frequencies(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies of a real FFT across, float32 [1, size // 2 + 1], and down, float32 [size, 1]; cycles an image."""
    across, down = np.arange(size // 2 + 1), scipy.fft.fftfreq(size, 1 / size)
    return across[None].astype(np.float32), down[:, None].astype(np.float32)


@njit(cache=True, nogil=True, fastmath=REORDER)
def standardise(field: np.ndarray) -> None:
    """Bring a field, float32 [P], to mean 0 and deviation 1 in place; one that is flat to 0."""
    total, squares = np.float32(0), np.float32(0)
    for x in range(len(field)):
        total += field[x]
    mean = total / np.float32(len(field))
    for x in range(len(field)):
        squares += (field[x] - mean) ** 2
    scale = np.float32(1) / np.sqrt(squares / np.float32(len(field)) + np.float32(1e-12))
    for x in range(len(field)):
        field[x] = (field[x] - mean) * scale


@njit(cache=True, nogil=True, fastmath=REORDER)
def sine(turns: np.float32) -> np.float32:
    """sin(2 pi turns) to 0.002, by two parabolas: it runs on vectors and gives the same on every machine."""
    t = turns - np.floor(turns + np.float32(0.5))
    y = t * (np.float32(8) - np.float32(16) * abs(t))
    return y * (np.float32(0.775) + np.float32(0.225) * abs(y))


@njit(cache=True, nogil=True, fastmath=REORDER)
def place_inputs(fields: np.ndarray, size: int, angle: float, centre_x: float, centre_y: float, waves: int) -> None:
    """Fill fields 0 to 3, float32 [>= 4, size * size], with x, y (rotated by `angle`), the distance from a point (in
    -1..1) and a wave of so many periods around it."""
    c, s, step = np.float32(np.cos(angle)), np.float32(np.sin(angle)), np.float32(2 / size)
    for i in range(size):
        v = (np.float32(i) + np.float32(0.5)) * step - np.float32(1)
        dv = v - np.float32(centre_y)
        for j in range(size):
            u = (np.float32(j) + np.float32(0.5)) * step - np.float32(1)
            du = u - np.float32(centre_x)
            fields[0, i * size + j] = c * u + s * v
            fields[1, i * size + j] = c * v - s * u
            fields[2, i * size + j] = np.sqrt(du * du + dv * dv)
            fields[3, i * size + j] = np.cos(np.float32(waves) * np.arctan2(dv, du) + np.float32(angle))
    for n in range(4):
        standardise(fields[n])


@njit(cache=True, nogil=True, fastmath=REORDER)
def run_program(kinds: np.ndarray, sources: np.ndarray, numbers: np.ndarray, fields: np.ndarray) -> None:
    """Fill fields INPUTS .., float32 [INPUTS + K, P], from those before.

    kinds: [K], SINE .. EITHER. sources: [K, 3], earlier fields. numbers: float32 [K, 4], two weights, a shift and a
    gain.
    """
    one, two, half = np.float32(1), np.float32(2), np.float32(0.5)
    for n in range(len(kinds)):
        a, b, d = fields[sources[n, 0]], fields[sources[n, 1]], fields[sources[n, 2]]
        out, kind = fields[INPUTS + n], kinds[n]
        w, v, shift, gain = numbers[n]
        if kind == SINE:
            for x in range(len(out)):
                out[x] = sine(gain * (w * a[x] + v * b[x]) + shift)
        elif kind == STEP:
            for x in range(len(out)):
                t = gain * (w * a[x] + v * b[x] + shift)
                out[x] = t / np.sqrt(one + t * t)
        elif kind == PRODUCT:
            for x in range(len(out)):
                out[x] = (a[x] + shift) * b[x]
        elif kind == RIDGE:
            for x in range(len(out)):
                t = gain * (w * a[x] + v * b[x] + shift)
                out[x] = one / (one + t * t)
        elif kind == TRIANGLE:
            for x in range(len(out)):
                t = gain * (w * a[x] + v * b[x]) + shift
                out[x] = abs(t - np.floor(t) - half)
        elif kind == LARGER:
            for x in range(len(out)):
                out[x] = max(w * a[x], v * b[x] + shift)
        else:
            for x in range(len(out)):
                t = gain * (a[x] + shift)
                t = (t / np.sqrt(one + t * t) + one) / two
                out[x] = t * b[x] + (one - t) * d[x]
        standardise(out)


def random_steps(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` random steps, as `run_program` takes them.

    A source is number floor(n u^0.4) of the n fields before it, u uniform, so the latest come most often. The weights
    are cosine and sine of a uniform angle, the shift is normal of deviation 0.7.
    """
    kinds = np.searchsorted(CHANCES[:-1], rng.random(count), side="right")
    known = INPUTS + np.arange(count)[:, None]
    sources = (known * rng.random((count, 3)) ** 0.4).astype(np.int64)
    low, high = GAINS[kinds].T
    turn, gain = rng.uniform(0, 2 * np.pi, count), np.exp(low + (high - low) * rng.random(count))
    shift = rng.normal(0, 0.7, count)
    return kinds, sources, np.column_stack([np.cos(turn), np.sin(turn), shift, gain]).astype(np.float32)


def random_program(rng: np.random.Generator, size: int) -> np.ndarray:
    """The last three fields of a random program, each of mean 0 and deviation 1: float32 [3, size, size]."""
    count = rng.integers(4, 17)
    fields = np.empty((INPUTS + count, size * size), np.float32)
    place_inputs(fields, size, rng.uniform(0, 2 * np.pi), *rng.uniform(-1, 1, 2), rng.integers(1, 7))
    for n in (4,) if rng.random() < AROUND else (3, 4):
        fields[n] = streaks(rng, size, rng.uniform(1, 2.5))[0].ravel()
    run_program(*random_steps(rng, count), fields)
    return np.ascontiguousarray(fields[:-4:-1]).reshape(3, size, size)


@dataclass(frozen=True)
class Programs:
    """Images of random programs. Raises UserError for a resolution below 1."""

    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        return render_each(self, indices, lambda rng: to_image(random_program(rng, self.resolution), colour_map(rng)))


if __name__ == "__main__":
    from generators.command import process_command

    process_command("own.programs.Programs")
