"""What every image process shares. The convention, in full:

A process is a frozen dataclass in a module of its own. Its fields are its parameters, `resolution` and `seed` among
them, each made with `option`. `render(indices)` returns a NumPy array, uint8 [N, H, W, 3]; image i is a pure function
of the fields and i, whatever else is asked for: draw its randomness from `utils.seeding.generator(stream_key(self),
i)`. It needs no place here: `generators.outside`.

Four things are for those that need them. A field that names a file or folder does not say what is in it: `contents()`
returns {field: fingerprint}, which stands in the record of a dataset in place of the path. `chunk` is how many images a
worker should make at a time, a divisor of 1000, where the writer's usual number does not suit. `render_on_device`
returns the images as a tensor on `device`, where that is a GPU, for training that goes on there. `chaotic` is true
where rounding grows until another kind of processor makes other images, as in a long ascent.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from utils import options
from utils.cli import UserError
from utils.memory import keep_freed_memory
from utils.seeding import generator, stable_key


def option(default: Any, help: str, choices: tuple[str, ...] | None = None, seeds: bool = True) -> Any:
    """A dataclass field that is also an option of the command line, of the type of its annotation (`utils.options`).

    seeds: whether another value also means other random numbers; not so for a path or a device.
    """
    return options.option(default, help, choices, seeds=seeds)


def check(process: Any) -> None:
    """For `__post_init__`. Raises UserError for a value that is not among its choices and for a resolution below 1 or
    above 16384, where one image takes gigabytes."""
    for field in dataclasses.fields(process):
        value, choices = getattr(process, field.name), field.metadata.get("choices")
        if choices and value not in choices:
            raise UserError(f"{field.name} must be one of {', '.join(choices)}, not {value!r}")
    if not 1 <= process.resolution <= 16384:
        raise UserError(f"resolution must lie between 1 and 16384, not {process.resolution}")


@functools.lru_cache
def stream_key(process: Any) -> int:
    """The 64-bit key of a process's random streams: its class name and every field that `seeds` and differs from its
    default.

    So a field added with a default changes no image. Another default for a field that is there would change those of
    everyone who leaves it alone: give the field a new name instead. The record of a folder holds every field.
    """
    fields = {field.name: value for field in dataclasses.fields(process)
              if field.metadata.get("seeds", True) and (value := getattr(process, field.name)) != field.default}
    return stable_key(type(process).__name__, fields)


def random_bytes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Independent uniform bytes, uint8 [count]: one draw of 64 bits makes 8."""
    return rng.bit_generator.random_raw(-(-count // 8)).view(np.uint8)[:count]


def white_noise(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Independent uniform numbers in (0, scale), float32, on 256 points: scale (k + 1/2) / 256.

    For noise that is filtered and ends in 8 bits; six times as fast as `rng.random`.
    """
    noise = random_bytes(rng, math.prod(shape)).reshape(shape).astype(np.float32)
    noise += 0.5
    noise *= scale / 256
    return noise


def render_each(process: Any, indices: Sequence[int], image: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
    """Images number `indices` of a process, one by one, each by `image` from randomness of its own: uint8 [N,
    resolution, resolution, 3]."""
    keep_freed_memory()
    images = np.empty((len(indices), process.resolution, process.resolution, 3), np.uint8)
    for place, index in zip(images, indices, strict=True):
        place[:] = image(generator(stream_key(process), int(index)))
    return images
