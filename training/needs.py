"""What named datasets, and the encoders trained on them, need on this machine: time, disk, memory.

    python -m train_align_uniform.needs                                    # the fourteen that the paper trained on
    python -m train_align_uniform.needs stat-wmm --workers 8 --gpus 0 1
    python -m train_align_uniform.needs stat-wmm --scale large --options="--width 0.5 --epochs 100"
    python -m train_align_uniform.needs stat-wmm --data data/small_scale/stat-wmm      # of images that are there

Renders and encodes some images and takes some training steps, all in memory, and multiplies: the lines under the table
state the arithmetic. Takes about ten seconds a dataset, but minutes for feature visualisations on a CPU, of which four
are the least that can be made.
"""

import argparse
import contextlib
import dataclasses
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets.folder import list_images
from datasets.packed import packed_shape
from datasets.writer import ImageProcess, encode
from generators.dead_leaves_textures import FEWEST, POOL_IMAGES, TexturedLeaves, pool_process
from generators.feature_vis import NO_ENCODER
from generators.mixture import Mixture, parse_components, processes
from generators.named import SCALES, load, named_datasets, needs, size
from train_align_uniform.__main__ import parse as parse_training
from train_align_uniform.images import PackedImages
from train_align_uniform.step_profile import step_times
from train_align_uniform.trainer import Config, Trainer
from utils.cli import UserError, parser, positive_int, run
from utils.cpus import default_workers
from utils.devices import choose_device, choose_precision, describe
from utils.files import human_bytes, read_record
from utils.progress import Progress

ENOUGH, COMPILED = 1.0, 10.0  # seconds of rendering that are timed; those after which nothing can be left to compile
CPU_BATCH = 32  # images of a timed step on a CPU
TIMED_STEPS = {"cpu": 3, "cuda": 20}
DISK_BLOCK = 4096  # files take whole blocks
TABLE = ("| dataset | pixels | seconds of a core, an image | time for the images | as JPEG | packed | "
         "training, images/s | time to train |\n|---|---:|---:|---:|---:|---:|---:|---:|")


class Images(NamedTuple):
    """What one image takes: `seconds` of one core (or of the GPU), and `size` bytes as JPEG on disk."""

    seconds: float
    size: float


class Steps(NamedTuple):
    """Training as it was timed: images a second in steps of `batch`; bytes of the weights, of the optimiser's state,
    and held on the GPU at most."""

    speed: float
    batch: int
    weights: int
    state: int
    gpu: int


@dataclasses.dataclass(frozen=True)
class Need:
    """What a dataset of `samples` images needs, and training on `trained` images of it (repetitions counted)."""

    samples: int
    resolution: int
    workers: int
    images: Images
    trained: int
    speed: float  # images a second of the training
    textures: Images | None = None  # of which POOL_IMAGES are made first, as JPEG and packed

    @property
    def making(self) -> float:
        """Seconds to render and encode all images."""
        first = POOL_IMAGES * self.textures.seconds if self.textures else 0
        return (self.samples * self.images.seconds + first) / self.workers

    @property
    def jpeg(self) -> float:
        """Bytes of the image folder."""
        return self.samples * self.images.size + (POOL_IMAGES * self.textures.size if self.textures else 0)

    @property
    def packed(self) -> int:
        """Bytes of the packed array."""
        return (self.samples + (POOL_IMAGES if self.textures else 0)) * self.resolution**2 * 3

    @property
    def training(self) -> float:
        """Seconds to train."""
        return self.trained / self.speed

    def row(self, name: str) -> str:
        """The line of `name` in TABLE."""
        return (f"| {name} | {self.resolution} | {self.images.seconds:.2g} | {human_time(self.making)} | "
                f"{human_bytes(self.jpeg)} | {human_bytes(self.packed)} | {self.speed:.3g} | "
                f"{human_time(self.training)} |")


def human_time(seconds: float) -> str:
    """5400 -> '1.5 hours'."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def time_images(process: ImageProcess) -> Images:
    """Render and encode ever more images until a call takes a second; the first call, which compiles, counts only if it
    takes long. Of a mixture, its components one by one."""
    if isinstance(process, Mixture):
        parts = [(weight, time_images(component)) for weight, component
                 in zip(parse_components(process.components).values(), processes(process), strict=True)]
        return Images(sum(weight * part.seconds for weight, part in parts),
                      sum(weight * part.size for weight, part in parts))
    clock = time.perf_counter if on_gpu(process) else time.process_time
    first, count = 0, getattr(process, "block", 8)
    while True:
        start = clock()
        files = encode(process, range(first, first + count), "jpg")
        seconds = clock() - start
        if seconds >= (ENOUGH if first else COMPILED):
            return Images(seconds / count, statistics.mean(-(-len(file) // DISK_BLOCK) * DISK_BLOCK for file in files))
        first += count
        count *= 2


def on_gpu(process: ImageProcess) -> bool:
    return getattr(process, "device", "cpu") == "cuda"


@contextlib.contextmanager
def few_textures(process: TexturedLeaves) -> Iterator[TexturedLeaves]:
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


def time_steps(config: Config, resolution: int, device: torch.device, gpus: list[int]) -> Steps:
    """Train on a batch of random pixels, with learning rate 0."""
    batch = min(config.batch_size, CPU_BATCH) if device.type == "cpu" else config.batch_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, resolution, resolution, 3), np.uint8)
    config = dataclasses.replace(config, batch_size=batch, lr=0.0, epochs=1000, steps=None)
    trainer = Trainer(config, PackedImages(pixels, device), device, gpus)
    seconds = statistics.median(step_times(trainer, TIMED_STEPS[device.type])["step"])
    weights = sum(p.numel() * p.element_size() for p in trainer.encoder.parameters())
    state = sum(value.numel() * value.element_size() for values in trainer.optimizer.state.values()
                for value in values.values() if isinstance(value, torch.Tensor))
    return Steps(batch / seconds, batch, weights, state, torch.cuda.max_memory_allocated(device) if gpus else 0)


def need(process: ImageProcess, samples: int, workers: int, trained: int, speed: float) -> Need:
    """Time the images of `process`, and put together what is known."""
    textures, own = None, process
    with contextlib.ExitStack() as stack:
        if isinstance(process, TexturedLeaves) and not process.textures:
            textures = time_images(pool_process(process.resolution))
            own = stack.enter_context(few_textures(process))
        images = time_images(own)
    return Need(samples, process.resolution, 1 if on_gpu(process) else workers, images, trained, speed, textures)


def arithmetic(config: Config, workers: int, steps: Steps, device: torch.device) -> str:
    """How the table was made, and what does not depend on the dataset."""
    trained = f"{config.steps} × {config.batch_size}" if config.steps else f"{config.epochs} × images"
    gpu = f" The GPU held {human_bytes(steps.gpu)} at most." if steps.gpu else ""
    return (f"Timed on {describe(device)}. Time for the images: images × seconds / {workers} workers, without the "
            f"disk; a process that runs on a GPU is not divided. JPEG: images × the mean of some, in blocks of 4 KB. "
            f"Packed: images × pixels² × 3 bytes. `dead_leaves-textures` has its {POOL_IMAGES:,} textures, which are "
            f"made first, in all three. Time to train: {trained} / images/s, in steps of {steps.batch} at width "
            f"{config.width:g} in {config.precision}. Weights, and `encoder.pth`: {human_bytes(steps.weights)}; with "
            f"gradients and the state of {config.optimizer} {human_bytes(2 * steps.weights + steps.state)} of memory, "
            f"beside activations. A checkpoint: {human_bytes(steps.weights + steps.state)}, and twice that while it is "
            f"written.{gpu}")


def refuse_other_count(run_folder: Path, samples: int) -> None:
    """Raises UserError if the run was begun on another number of images."""
    if (run_folder / "config.json").exists():
        shape = read_record(run_folder / "config.json", data=dict)["data"].get("shape", [samples])
        if shape[0] != samples:
            raise UserError(f"{run_folder} was begun on {shape[0]:,} images, not {samples:,}; ask for as many, or "
                            "choose another folder for encoders")


def parse() -> argparse.Namespace:
    """The options of the command line."""
    p = parser("python -m train_align_uniform.needs", __doc__)
    p.add_argument("names", nargs="*", help="datasets (default: the fourteen the paper trained on)")
    p.add_argument("--scale", choices=SCALES, default="small", help="number and size of images")
    p.add_argument("--samples", type=positive_int, help="number of images (default: by scale)")
    p.add_argument("--resolution", type=positive_int, help="height and width in pixels (default: by scale)")
    p.add_argument("--data", type=Path, help="image folder in place of these: what is there needs nothing but training")
    p.add_argument("--output", type=Path, help="run folder: nothing is timed for one that is finished, and one that "
                   "was begun on another number of images is refused")
    p.add_argument("--encoder", default="", help="checkpoint, for datasets that need one")
    p.add_argument("--workers", type=positive_int, help="processes (default: one a core, up to 8)")
    p.add_argument("--gpus", type=int, nargs="*", help="as to the trainer: one GPU, two, or none for the CPU")
    p.add_argument("--options", default="", help="other options of the trainer, in one text")
    return p.parse_args()


def main() -> None:
    args = parse()
    device = choose_device(args.gpus)
    gpus = args.gpus or ([device.index] if device.type == "cuda" else [])
    training = vars(parse_training(["--data", "-", "--output", "-", *args.options.split()]))
    training["precision"] = str(choose_precision(device, training["precision"])).removeprefix("torch.")
    config = Config(**{field.name: training[field.name] for field in dataclasses.fields(Config)})
    workers = args.workers or default_workers()

    names = args.names or [name for name, entry in named_datasets().items() if entry.trained]
    counts = {name: args.samples or size(name, args.scale)[0] for name in names}
    resolutions = {name: args.resolution or size(name, args.scale)[1] for name in names}
    if (args.data or args.output) and len(names) > 1:
        raise UserError("--data and --output are about one dataset; pass its name")
    if args.data:
        shape = packed_shape(list_images(args.data), training["resize"])
        counts, resolutions = {names[0]: shape[0]}, {names[0]: shape[1]}
    for samples in counts.values():
        config.steps_per_epoch(samples)  # refuses too few
    if args.output:
        refuse_other_count(args.output, counts[names[0]])
        if (args.output / "encoder.pth").exists():
            print(f"{args.output}: the encoder is there, and needs nothing")
            return
    lacking = [name for name in names if needs(name, "encoder") and not args.encoder and not args.data]
    if lacking == names:
        raise UserError(f"{', '.join(names)}: {NO_ENCODER}")
    if args.encoder and not any(needs(name, "encoder") for name in names):
        raise UserError(f"none of {', '.join(names)} needs an --encoder; leave it out")
    known = [name for name in names if name not in lacking]
    processes = {name: load(name, resolutions[name], encoder=args.encoder) for name in known if not args.data}
    steps = {resolution: time_steps(config, resolution, device, gpus)
             for resolution in {resolutions[name] for name in known}}
    rows, disk = [], 0.0
    with Progress(len(names), "timing", "datasets") as progress:
        for name in names:
            if name in lacking:
                rows.append(f"| {name} | {resolutions[name]} | needs an encoder: --encoder FILE" + " |" * 6)
            else:
                trained = config.steps * config.batch_size if config.steps else config.epochs * counts[name]
                speed = steps[resolutions[name]].speed
                if args.data:
                    found = Need(counts[name], resolutions[name], workers, Images(0, 0), trained, speed)
                else:
                    found = need(processes[name], counts[name], workers, trained, speed)
                rows.append(found.row(name))
                disk += found.jpeg + found.packed
            progress.update(1)
    timed = next(iter(steps.values()))
    disk += len(known) * (timed.weights + 2 * (timed.weights + timed.state))
    print(TABLE, *rows, "", arithmetic(config, workers, timed, device), sep="\n")
    print(f"Disk in all: {human_bytes(disk)}; {human_bytes(shutil.disk_usage('.').free)} are free here. GPUs: "
          f"{' and '.join(map(str, gpus)) or 'none'}. Probes are not timed; `cached` and `knn` keep "
          f"{human_bytes(4 * round(4096 * config.width))} of features of an image (ImageNet-100 has 131,689).")


if __name__ == "__main__":
    run(main)
