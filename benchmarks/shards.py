"""Shards against plain files: reading against Pillow decoding the same JPEGs from memory, writing against a folder.

    python -m benchmarks.shards
    python -m benchmarks.shards --memory          # also: the memory that 1.3 million images in 1,300 shards take

One core, by process time, in turn, in one run: 1,000 dead leaves of 256×256 (rendered beforehand), in /tmp or TMPDIR.
"""

import io
import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.ratio import HEADER, row, seconds
from datasets.image_folders.writer import write_image_folder
from datasets.shards.mixture import Mixture
from datasets.shards.read import decode, open_shards, read
from generators.named import make_process
from training.images.order import Order
from utils.cli import parser, positive_int, run
from utils.files import human_bytes

PICTURES = 20  # images that stand for all: rendering is not what is measured
IMAGES: list[np.ndarray] = []


@dataclass(frozen=True)
class Pictures:
    """A process that renders nothing."""

    resolution: int = 256
    seed: int = 0

    def render(self, indices: list[int]) -> np.ndarray:
        return np.stack([IMAGES[index % PICTURES] for index in indices])


def write(folder: Path, image_format: str, count: int) -> float:
    """Seconds of a core that `count` images take."""
    return seconds(lambda: write_image_folder(Pictures(), folder, count, name="x", image_format=image_format),
                   time.process_time)


def memory(folder: Path) -> None:
    """Open 1,300 links to one shard of 1,000 images as a mixture of four sets, and draw batches of three epochs."""
    shard = folder / "train/00000000.tar"
    roots = [folder / f"set{k}" for k in range(4)]
    for number in range(1300):
        link = roots[number % 4] / f"{number:05d}.tar"
        link.parent.mkdir(exist_ok=True)
        os.link(shard, link)
        os.link(shard.with_suffix(".json"), link.with_suffix(".json"))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    shards = open_shards(roots)
    opened = time.process_time() - start
    order = Order(len(shards), 256, 0, endless=True)
    mixture = Mixture(shards.counts, [1, 1, 1, 1], len(shards), 0)
    for step in (0, 5077, 5078, 10157):
        decode(shards.places(mixture.numbers(order.batch(step)[1])))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(shards):,} images in {len(shards.paths)} shards: opened in {opened:.1f} s of a core; memory grew from "
          f"{human_bytes(1024 * before)} to {human_bytes(1024 * peak)} at most")


def main() -> None:
    p = parser("python -m benchmarks.shards", __doc__)
    p.add_argument("--repeats", type=positive_int, default=40, help="pairs of measurements of reading; of writing "
                   "there are two")
    p.add_argument("--memory", action="store_true", help="also measure the memory of 1.3 million images")
    args = p.parse_args()
    IMAGES.extend(make_process("dead_leaves-mixed", 256).render(range(PICTURES)))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        written = [(write(root / f"jpg{k}", "jpg", 1000), write(root / f"tar{k}", "tar", 1000))
                   for k in range(2)]
        shards = open_shards([root / "tar0"])
        places = shards.places(np.random.default_rng(0).permutation(1000)[:64])
        files = [read(place)[512:] for place in places]

        def plain() -> None:
            for file in files:
                np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))

        def ours() -> None:
            for start in range(0, len(places), 16):
                decode(places[start : start + 16])

        plain(), ours()
        times = [(seconds(plain, time.process_time), seconds(ours, time.process_time)) for _ in range(args.repeats)]
        print(HEADER)
        print(row("reading: Pillow from memory / shards", [a / b for a, b in times], ">= 0.9",
                  f"{len(places) / statistics.median(b for _, b in times):.0f} images/s of a core"))
        print(row("writing: folder / shards", [a / b for a, b in written], ">= 1",
                  f"{1000 / statistics.median(b for _, b in written):.0f} images/s of a core"))
        if args.memory:
            memory(root / "tar0")


if __name__ == "__main__":
    run(main)
