"""How fast noise images are made and written, as ratios to plain implementations.

    python -m benchmarks.generate                             # every dataset
    python -m benchmarks.generate stat-wmm fractaldb          # some
    python -m benchmarks.generate stat-wmm --repeats 3        # a quicker look
    python -m benchmarks.generate dead_leaves-mixed --workers 2     # also two processes, which need an idle machine
    TMPDIR=/dev/shm python -m benchmarks.generate             # into memory: leaves the disk out

Method: one thread. Each repeat times both sides of a ratio one after the other, and the ratio is taken within the
repeat; the table shows the median and the range over repeats. Ratios on one thread are of processor time, the system's
included, which other work on the machine disturbs less than the clock; those of workers are of the clock.

  making    render, encode as JPEG (quality 95) and write to a folder, each file atomically
  encoding  the same images, encoded by Pillow into memory
  plain     the plain implementation of the process, `tests.generators.plain_*`, in memory: neither encoded nor written
  workers   `write_image_folder` with n processes and with one: once as a user waits for it, and once without the start
            (the difference of a long and a short run)

StyleGAN networks are made anew in each repeat, and their time counts. Feature visualisations take 4 of their 128 steps.
CASES says how many images each side renders.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from benchmarks.ratio import HEADER, row, seconds
from datasets.image_folders.encode import ImageProcess
from datasets.image_folders.writer import IMAGES_A_CHUNK, write_chunk, write_image_folder
from generators.named import make_process
from tests.generators import plain_generators
from tests.generators.plain_feature_vis import feature_vis_pair
from tests.generators.plain_fractaldb import fractaldb_plain
from tests.generators.plain_statistics import statistical_model
from tests.generators.plain_stylegan import plain_image
from utils.cli import UserError, parser, positive_int, run
from utils.devices import describe

SHORT, LONG = 500, 8500  # images of the runs with workers


class Case(NamedTuple):
    """One dataset: its plain implementation, the images each side makes in a repeat, and what it should reach."""

    plain: Callable[[Any, int], object]  # of a process and an index
    plain_images: int
    images: int
    to_plain: str
    to_encoding: str = ""
    parameters: dict[str, Any] = {"resolution": 128}  # noqa: RUF012 (never changed)
    plain_batch: int = 1  # images of one call of `plain`


CASES = {
    **dict.fromkeys(("dead_leaves-squares", "dead_leaves-oriented", "dead_leaves-mixed"),
                    Case(plain_generators.dead_leaves_original, 3, 160, ">= 200", "<= 4")),
    "dead_leaves-textures": Case(plain_generators.dead_leaves_textured, 3, 160, ">= 60"),
    "stat-spectrum": Case(plain_generators.spectrum, 10, 160, ">= 15", "<= 6"),
    "stat-spectrum_color": Case(statistical_model, 5, 80, ">= 10"),
    **dict.fromkeys(("stat-wmm", "stat-spectrum_color_wmm"), Case(statistical_model, 2, 40, ">= 10")),
    "stylegan-highfreq": Case(plain_image, 2, 400, ">= 60", "", {"resolution": 256}),
    **dict.fromkeys(("stylegan-sparse", "stylegan-oriented"), Case(plain_image, 2, 400, ">= 20", "",
                                                                   {"resolution": 256})),
    "stylegan-random": Case(plain_image, 2, 16, ">= 2", "", {"resolution": 256}),
    "fractaldb": Case(fractaldb_plain, 1, 160, ">= 200", "", {"resolution": 362}),
    "feature_vis-random": Case(feature_vis_pair, 2, 4, ">= 2.5", "", {"resolution": 256, "steps": 4}, plain_batch=2),
}


def make(process: ImageProcess, indices: Sequence[int], folder: str) -> None:
    """Render and write to `folder`, as a worker does."""
    for start in range(0, len(indices), IMAGES_A_CHUNK):
        write_chunk(process, Path(folder), indices[start : start + IMAGES_A_CHUNK], "jpg")


def encode(images: np.ndarray) -> None:
    for image in images:
        Image.fromarray(image).save(io.BytesIO(), "JPEG", quality=95)


def time_one_thread(name: str, repeats: int) -> list[str]:
    """Rows for plain against making and, where it has a target, making against encoding."""
    case = CASES[name]
    process = make_process(name, **case.parameters)
    process.render([0])  # compiles
    speeds, to_encoding, to_plain = [], [], []
    for repeat in range(1, repeats + 1):
        start = repeat * 400  # a new network, where 400 images share one
        indices, few = range(start, start + case.images), range(start, start + case.plain_images, case.plain_batch)
        with tempfile.TemporaryDirectory() as folder:
            making = seconds(lambda: make(process, indices, folder), time.process_time) / case.images  # noqa: B023
        images = process.render(indices)
        encoding = seconds(lambda: encode(images), time.process_time) / case.images  # noqa: B023 (called at once)
        plain = seconds(lambda: [case.plain(process, i) for i in few], time.process_time)  # noqa: B023
        speeds.append(1 / making)
        to_encoding.append(making / encoding)
        to_plain.append(plain / case.plain_images / making)
    rows = [row(f"{name}: plain / making", to_plain, case.to_plain, f"{statistics.median(speeds):.3g}")]
    return rows + [row(f"{name}: making / encoding", to_encoding, case.to_encoding)] * bool(case.to_encoding)


def time_workers(name: str, workers: int, repeats: int) -> list[str]:
    """Two rows: n workers against one, with and without the start."""
    process = make_process(name, **CASES[name].parameters)

    def write(samples: int, count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: write_image_folder(process, folder, samples, name=name, workers=count))

    whole, steady = [], []
    for _ in range(repeats):
        short, long = ({count: write(samples, count) for count in (1, workers)} for samples in (SHORT, LONG))
        whole.append(long[1] / long[workers])
        steady.append((long[1] - short[1]) / (long[workers] - short[workers]))
    return [row(f"{name}: {workers} workers / 1, start left out", steady, ">= 1.8" if workers == 2 else ""),
            row(f"{name}: {workers} workers / 1, {LONG} images with start", whole, "")]


def main() -> None:
    options = parser("python -m benchmarks.generate", __doc__)
    options.add_argument("names", nargs="*", help=f"datasets (default: all of {', '.join(CASES)})")
    options.add_argument("--repeats", type=positive_int, default=7, help="timings of each ratio")
    options.add_argument("--workers", type=positive_int, default=1, help="processes to compare with one")
    args = options.parse_args()
    if unknown := set(args.names) - set(CASES):
        raise UserError(f"there is no plain implementation of {', '.join(unknown)}; there is one of {', '.join(CASES)}")
    torch.set_num_threads(1)
    print(f"median and range of {args.repeats} repeats, {describe(torch.device('cpu'))}; "
          f"last column: images made per CPU second\n\n{HEADER}", flush=True)
    for name in args.names or CASES:
        print("\n".join(time_one_thread(name, args.repeats)), flush=True)
        if args.workers > 1:
            print("\n".join(time_workers(name, args.workers, max(3, args.repeats // 3))), flush=True)


if __name__ == "__main__":
    run(main)
