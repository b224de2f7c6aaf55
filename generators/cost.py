"""What the images of a process cost: time and disk, extrapolated from a few that are rendered and encoded."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from datasets.image_folders.encode import ImageProcess, encode
from generators.dead_leaves_textures import FEWEST, POOL_IMAGES, TexturedLeaves, pool_process
from generators.mixture import Mixture, parse_components, processes
from utils.files import human_bytes

ENOUGH, COMPILED = 1.0, 10.0  # seconds of rendering that are timed; those after which nothing can be left to compile
DISK_BLOCK = 4096  # files take whole blocks


class Cost(NamedTuple):
    """What one image takes: `seconds` of one core (or of the GPU), and `size` bytes as JPEG on disk."""

    seconds: float
    size: float


NOTHING = Cost(0, 0)


@dataclass(frozen=True)
class Need:
    """What a dataset of `samples` images needs."""

    samples: int
    resolution: int
    workers: int
    image: Cost
    first: int = 0  # images that are made before these, such as textures
    each: Cost = NOTHING  # of them

    @property
    def making(self) -> float:
        """Seconds to render and encode all images."""
        return (self.samples * self.image.seconds + self.first * self.each.seconds) / self.workers

    @property
    def jpeg(self) -> float:
        """Bytes of the image folder."""
        return self.samples * self.image.size + self.first * self.each.size

    @property
    def packed(self) -> int:
        """Bytes of the packed array."""
        return (self.samples + self.first) * self.resolution**2 * 3

    def row(self) -> str:
        """Cells of a table: pixels, seconds of an image, time for all, bytes as JPEG and packed."""
        return (f"{self.resolution} | {self.image.seconds:.2g} | {human_time(self.making)} | "
                f"{human_bytes(self.jpeg)} | {human_bytes(self.packed)}")


def human_time(seconds: float) -> str:
    """5400 -> '1.5 hours'."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def need_of_folder(samples: int, resolution: int) -> Need:
    """What images that are there already need: the packed array."""
    return Need(samples, resolution, 1, NOTHING)


def image_need(process: ImageProcess, samples: int, workers: int) -> Need:
    """What `process` needs, timed on a few images; one that runs on a GPU has no use for more workers."""
    need = Need(samples, process.resolution, 1 if on_gpu(process) else workers, image_cost(process))
    if isinstance(process, TexturedLeaves) and not process.textures:
        return replace(need, first=POOL_IMAGES, each=image_cost(pool_process(process.resolution)))
    return need


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


def on_gpu(process: ImageProcess) -> bool:
    return getattr(process, "device", "cpu") == "cuda"


@contextlib.contextmanager
def _few_textures(process: TexturedLeaves) -> Iterator[TexturedLeaves]:
    """The same leaves with only FEWEST textures: making all of them takes minutes, and they stay on disk."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # their packed array is kept in the working folder
        try:
            Path("textures").mkdir()
            for number, data in enumerate(encode(pool_process(process.resolution), range(FEWEST), "jpg")):
                Path(f"textures/{number}.jpg").write_bytes(data)
            yield replace(process, textures="textures")
        finally:
            os.chdir(here)
