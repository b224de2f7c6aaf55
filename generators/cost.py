"""What the images of a process cost: seconds of a core, and bytes on disk, timed on some of them."""

import contextlib
import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datasets.writer import ImageProcess, encode
from generators.dead_leaves_textures import FEWEST, POOL_IMAGES, TexturedLeaves, pool_process
from generators.mixture import Mixture, parse_components, processes

ENOUGH, COMPILED = 1.0, 10.0  # seconds of rendering that are timed; those after which nothing can be left to compile
DISK_BLOCK = 4096  # files take whole blocks


class Cost(NamedTuple):
    """What one image takes: `seconds` of one core (or of the GPU), and `size` bytes as JPEG on disk."""

    seconds: float
    size: float


class First(NamedTuple):
    """Images that are made before any other: how many, and what each costs."""

    count: int = 0
    each: Cost = Cost(0, 0)


def image_cost(process: ImageProcess) -> Cost:
    """Render and encode ever more images until a call takes a second; the first call, which compiles, counts only if it
    takes long. Of a mixture, its components one by one."""
    if isinstance(process, Mixture):
        parts = [(weight, image_cost(component)) for weight, component
                 in zip(parse_components(process.components).values(), processes(process), strict=True)]
        return Cost(sum(weight * part.seconds for weight, part in parts),
                    sum(weight * part.size for weight, part in parts))
    if isinstance(process, TexturedLeaves) and not process.textures:
        with _few_textures(process) as few:
            return image_cost(few)
    clock = time.perf_counter if on_gpu(process) else time.process_time
    first, count = 0, getattr(process, "block", 8)
    while True:
        start = clock()
        files = encode(process, range(first, first + count), "jpg")
        seconds = clock() - start
        if seconds >= (ENOUGH if first else COMPILED):
            return Cost(seconds / count, statistics.mean(-(-len(file) // DISK_BLOCK) * DISK_BLOCK for file in files))
        first += count
        count *= 2


def made_first(process: ImageProcess) -> First:
    """What is made once before the images: the textures of textured leaves, and nothing for other processes."""
    if isinstance(process, TexturedLeaves) and not process.textures:
        return First(POOL_IMAGES, image_cost(pool_process(process.resolution)))
    return First()


def on_gpu(process: ImageProcess) -> bool:
    return getattr(process, "device", "cpu") == "cuda"


@contextlib.contextmanager
def _few_textures(process: TexturedLeaves) -> Iterator[TexturedLeaves]:
    """The same leaves with FEWEST of their textures: to make all takes minutes, and keeps them."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # their packed array is kept in the working folder
        try:
            Path("textures").mkdir()
            for number, data in enumerate(encode(pool_process(process.resolution), range(FEWEST), "jpg")):
                Path(f"textures/{number}.jpg").write_bytes(data)
            yield dataclasses.replace(process, textures="textures")
        finally:
            os.chdir(here)
