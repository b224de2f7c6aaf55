"""What named datasets, and the encoders trained on them, need on this machine: time, disk, memory."""

import argparse
import dataclasses
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets.image_folders.encode import ImageProcess
from datasets.image_folders.folder import list_images
from datasets.packed import packed_shape
from generators.cost import human_time, image_need, need_of_folder
from generators.feature_vis.images import NO_ENCODER
from generators.named import SCALES, make_process, named_datasets, needs, published_size
from training.command import Trainer, add_gpus, chosen_options
from training.images.sources import add_folder_options
from training.images.streams import PackedImages
from training.options import TrainingOptions
from training.step_profile import step_times
from utils.cli import UserError, parser, positive_int
from utils.cpus import default_workers
from utils.devices import choose_device, describe
from utils.files import human_bytes, read_record
from utils.options import add_options
from utils.progress import Progress

CPU_BATCH = 32  # images of a timed step on a CPU
TIMED_STEPS = {"cpu": 3, "cuda": 20}
TABLE = ("| dataset | pixels | seconds of a core, an image | time for the images | as JPEG | packed | "
         "training, images/s | time to train |\n|---|---:|---:|---:|---:|---:|---:|---:|")


class Steps(NamedTuple):
    """Training as it was timed: images a second in steps of `batch`; bytes of the weights, bytes of the
    optimiser's state, and the most bytes held on the GPU."""

    speed: float
    batch: int
    weights: int
    state: int
    gpu: int


def time_steps(trainer: Trainer, options: TrainingOptions, resolution: int, device: torch.device,
               gpus: list[int]) -> Steps:
    """Train on a batch of random pixels, with learning rate 0."""
    batch = min(options.batch_size, CPU_BATCH) if device.type == "cpu" else options.batch_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, resolution, resolution, 3), np.uint8)
    options = dataclasses.replace(options, batch_size=batch, lr=0.0, epochs=1000, steps=None)
    learner = trainer.learner(options, PackedImages(pixels, device), device, gpus)
    seconds = statistics.median(step_times(learner, TIMED_STEPS[device.type])["step"])
    return Steps(batch / seconds, batch, *learner.update.sizes(),
                 torch.cuda.max_memory_allocated(device) if gpus else 0)


def arithmetic(options: TrainingOptions, workers: int, steps: Steps, device: torch.device) -> str:
    """How the table was made, and what does not depend on the dataset."""
    trained = f"{options.steps} × {options.batch_size}" if options.steps else f"{options.epochs} × images"
    gpu = f" The GPU held {human_bytes(steps.gpu)} at most." if steps.gpu else ""
    return (f"Timed on {describe(device)}. Time for the images: images × seconds / {workers} workers, without the "
            f"disk; a process that runs on a GPU is not divided. JPEG: images × the mean of some, in blocks of 4 KB. "
            f"Packed: images × pixels² × 3 bytes. `dead_leaves-textures` has its textures, which are made first, in "
            f"all three. Time to train: {trained} / images/s, in steps of {steps.batch} in {options.precision}. "
            f"Weights, and `encoder.pth`: {human_bytes(steps.weights)}; with gradients and the state of "
            f"{options.optimizer} {human_bytes(2 * steps.weights + steps.state)} of memory, beside activations. A "
            f"checkpoint: {human_bytes(steps.weights + steps.state)}, and twice that while it is written.{gpu}")


def refuse_other_count(run_folder: Path, samples: int) -> None:
    """Raises UserError if the run was begun on another number of images."""
    if (run_folder / "config.json").exists():
        shape = read_record(run_folder / "config.json", data=dict)["data"].get("shape", [samples])
        if shape[0] != samples:
            raise UserError(f"{run_folder} was begun on {shape[0]:,} images, not {samples:,}; ask for as many, or "
                            "choose another folder for encoders")


def parse(trainer: Trainer, about: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options: some about images, and all that the trainer has."""
    p = parser(f"python -m {trainer.name}.needs", about)
    p.add_argument("names", nargs="*", help="datasets (default: the fourteen the paper trained on)")
    p.add_argument("--scale", choices=SCALES, default="small", help="number and size of images")
    p.add_argument("--samples", type=positive_int, help="number of images (default: by scale)")
    p.add_argument("--resolution", type=positive_int, help="height and width in pixels (default: by scale)")
    p.add_argument("--data", type=Path, help="image folder in place of these: what is there needs nothing but training")
    p.add_argument("--output", type=Path, help="run folder: nothing is timed for one that is finished, and one that "
                   "was begun on another number of images is refused")
    p.add_argument("--encoder", default="", help="checkpoint, for datasets that need one")
    p.add_argument("--workers", type=positive_int, help="processes (default: one a core, up to 8)")
    add_folder_options(p)
    add_options(p, trainer.options, precision="auto")
    add_gpus(p)
    return p.parse_args(arguments)


def print_needs(trainer: Trainer, about: str | None, arguments: Sequence[str] | None = None) -> None:
    """What `python -m trainer.name.needs`, whose help is `about`, does."""
    args = parse(trainer, about, arguments)
    device = choose_device(args.gpus)
    gpus = args.gpus or ([device.index] if device.type == "cuda" else [])
    options, workers = chosen_options(trainer, args, device), args.workers or default_workers()

    names = args.names or [name for name, entry in named_datasets().items() if entry.trained]
    counts = {name: args.samples or published_size(name, args.scale)[0] for name in names}
    resolutions = {name: args.resolution or published_size(name, args.scale)[1] for name in names}
    if (args.data or args.output) and len(names) > 1:
        raise UserError("--data and --output are about one dataset; pass its name")
    if args.data:
        shape = packed_shape(list_images(args.data), args.resize)
        counts, resolutions = {names[0]: shape[0]}, {names[0]: shape[1]}
    for samples in counts.values():
        options.steps_per_epoch(samples)  # refuses too few
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
    processes: dict[str, ImageProcess] = {
        name: make_process(name, resolutions[name], encoder=args.encoder) for name in known if not args.data}
    steps = {resolution: time_steps(trainer, options, resolution, device, gpus)
             for resolution in {resolutions[name] for name in known}}
    rows, disk = [], 0.0
    with Progress(len(names), "timing", "datasets") as progress:
        for name in names:
            if name in lacking:
                rows.append(f"| {name} | {resolutions[name]} | needs an encoder: --encoder FILE" + " |" * 6)
            else:
                count, speed = counts[name], steps[resolutions[name]].speed
                trained = options.steps * options.batch_size if options.steps else options.epochs * count
                need = (need_of_folder(count, resolutions[name]) if args.data else
                        image_need(processes[name], count, workers))
                rows.append(f"| {name} | {need.row()} | {speed:.3g} | {human_time(trained / speed)} |")
                disk += need.jpeg + need.packed
            progress.update(1)
    timed = next(iter(steps.values()))
    disk += len(known) * (timed.weights + 2 * (timed.weights + timed.state))
    print(TABLE, *rows, "", arithmetic(options, workers, timed, device), sep="\n")
    print(f"Disk in all: {human_bytes(disk)}; {human_bytes(shutil.disk_usage('.').free)} are free here. GPUs: "
          f"{' and '.join(map(str, gpus)) or 'none'}. Probes are not timed.")
