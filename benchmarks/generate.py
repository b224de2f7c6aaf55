"""How fast noise images are made and written, as ratios to plain implementations.

    python -m benchmarks.generate                 # the table, about 4 minutes
    python -m benchmarks.generate --repeats 3     # a quicker look
    python -m benchmarks.generate --workers 1     # without the rows on workers, which need an idle machine
    TMPDIR=/dev/shm python -m benchmarks.generate --workers 1    # into memory: leaves the disk out

Method: 128x128. Each repeat times both sides of a ratio one after the other on the same images, and the ratio is taken
within the repeat; the table shows the median and the range over repeats. Ratios on one thread are of processor time,
the system's included, which other work on the machine disturbs less than the clock; those of workers are of the clock.

  making    render, encode as JPEG (quality 95) and write to a folder, each file atomically
  encoding  the same images, encoded by Pillow into memory
  plain     `benchmarks.plain_generators`: for dead leaves the authors' order, leaf by leaf, with NumPy masks over the
            whole frame; for spectra ten passes of complex float64 FFTs. In memory: neither encoded nor written
  workers   `write_image_folder` with n processes and with one: once as a user waits for it, and once without the start
            (the difference of a long and a short run)
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.plain_generators import dead_leaves_original, spectrum_passes
from datasets.writer import CHUNK, ImageProcess, write_chunk, write_image_folder
from generators.dead_leaves import DeadLeaves
from generators.named import load
from generators.process import stream_key
from generators.spectrum import draw_exponents
from utils.cli import parser, positive_int, run
from utils.devices import describe
from utils.seeding import generator

NAMES = ("dead_leaves-squares", "dead_leaves-oriented", "dead_leaves-mixed", "stat-spectrum")
IMAGES = 4 * CHUNK  # of each repeat
SHORT, LONG = 500, 8500  # images of the runs with workers


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    function()
    return clock() - start


def make(process: ImageProcess, indices: Sequence[int], folder: str) -> None:
    """Render and write to `folder`, as a worker does."""
    for start in range(0, len(indices), CHUNK):
        write_chunk(process, Path(folder), indices[start : start + CHUNK], "jpg")


def encode(images: np.ndarray) -> None:
    for image in images:
        Image.fromarray(image).save(io.BytesIO(), "JPEG", quality=95)


def plain(process: ImageProcess, index: int) -> None:
    """One image by the plain implementation of its process."""
    if isinstance(process, DeadLeaves):
        dead_leaves_original(process, index)
    else:
        rng = generator(stream_key(process), index)
        exponents = draw_exponents(rng)
        spectrum_passes(256 * rng.random((3, process.resolution, process.resolution)), *exponents)


def row(label: str, ratios: list[float], target: str, extra: str = "") -> str:
    spread = f"{min(ratios):.3g} to {max(ratios):.3g}"
    return f"| {label} | {statistics.median(ratios):.3g} | {spread} | {target} | {extra} |"


def time_one_thread(name: str, repeats: int) -> list[str]:
    """Two rows: making against encoding, and plain against making."""
    process = load(name, resolution=128)
    process.render([0])  # compiles
    plain_images = 3 if isinstance(process, DeadLeaves) else 10
    speeds, to_encoding, to_plain = [], [], []
    for repeat in range(repeats):
        indices = range(repeat * IMAGES, (repeat + 1) * IMAGES)
        images = process.render(indices)
        with tempfile.TemporaryDirectory() as folder:
            making = seconds(lambda: make(process, indices, folder)) / IMAGES  # noqa: B023 (called at once)
        encoding = seconds(lambda: encode(images)) / IMAGES  # noqa: B023
        slow = seconds(lambda: [plain(process, i) for i in indices[:plain_images]]) / plain_images  # noqa: B023
        speeds.append(1 / making)
        to_encoding.append(making / encoding)
        to_plain.append(slow / making)
    limits = ("<= 4", ">= 100") if isinstance(process, DeadLeaves) else ("<= 6", ">= 15")
    return [row(f"{name}: making / encoding", to_encoding, limits[0], f"{statistics.median(speeds):.0f}"),
            row(f"{name}: plain / making", to_plain, limits[1])]


def time_workers(name: str, workers: int, repeats: int) -> list[str]:
    """Two rows: n workers against one, with and without the start."""
    process = load(name, resolution=128)

    def write(samples: int, count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: write_image_folder(process, folder, samples, name=name, workers=count),
                           time.perf_counter)

    whole, steady = [], []
    for _ in range(repeats):
        short, long = ({count: write(samples, count) for count in (1, workers)} for samples in (SHORT, LONG))
        whole.append(long[1] / long[workers])
        steady.append((long[1] - short[1]) / (long[workers] - short[workers]))
    return [row(f"{name}: {workers} workers / 1, start left out", steady, ">= 1.8" if workers == 2 else ""),
            row(f"{name}: {workers} workers / 1, {LONG} images with start", whole, "")]


def main() -> None:
    options = parser("python -m benchmarks.generate", __doc__)
    options.add_argument("--repeats", type=positive_int, default=9, help="timings of each ratio")
    options.add_argument("--workers", type=positive_int, default=2, help="processes compared with one; 1 leaves it out")
    args = options.parse_args()
    import torch

    print(f"128x128, median and range of {args.repeats} repeats, {describe(torch.device('cpu'))}\n")
    print("| ratio | median | range | target | images per CPU second |\n|---|---|---|---|---|", flush=True)
    for name in NAMES:
        print("\n".join(time_one_thread(name, args.repeats)), flush=True)
    if args.workers > 1:
        print("\n".join(time_workers("dead_leaves-oriented", args.workers, max(3, args.repeats // 3))), flush=True)


if __name__ == "__main__":
    run(main)
