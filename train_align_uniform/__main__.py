"""Train the contrastive encoder on a folder of images, or on a process that renders them meanwhile.

    python -m train_align_uniform --data data/small_scale/stat-wmm --output encoders/small_scale/stat-wmm
    python -m train_align_uniform --data dead_leaves-mixed --output DIR   # no folder: images that never come twice
    python -m train_align_uniform --data dead_leaves-mixed --samples 105000 --output DIR  # each epoch the same ones
    python -m train_align_uniform --data DIR --output DIR --gpus 0 1          # as in the paper: two GPUs, DataParallel
    torchrun --standalone --nproc-per-node=4 -m train_align_uniform --data DIR --output DIR    # one process a GPU, DDP
    python -m train_align_uniform --data DIR --output DIR --gpus --width 0.25 --batch_size 125 --steps 600 --cosine \
        --warmup_steps 20 --optimizer adamw --lr 0.002                        # a short run on a CPU
    python -m train_align_uniform --data DIR --output DIR --profile 50        # where the time of a step goes; no run

The defaults are the paper's, but for --precision: bfloat16 where the hardware multiplies it. The same command resumes
an interrupted run, and does nothing when the run is finished.
"""

import argparse
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from datasets.fingerprint import contents_sha256
from datasets.folder import RECORD, list_images
from datasets.packed import packed_images, packed_shape
from datasets.writer import describe as describe_dataset
from generators.named import load, named_datasets, needs, open_parameters, settings, size
from models.small_alexnet import check_width
from train_align_uniform.distributed import Processes, gpus_of_process, processes_here
from train_align_uniform.export import export_again, finished
from train_align_uniform.images import PackedImages, RenderedImages
from train_align_uniform.loop import fit
from train_align_uniform.step_profile import profile
from train_align_uniform.trainer import Config, Trainer
from utils.cli import UserError, non_negative, parser, positive_int, run
from utils.cpus import default_workers
from utils.devices import choose_device, choose_precision, describe
from utils.files import read_json
from utils.run_folder import RunFolder

Opening = tuple[dict[str, Any], Callable[[], PackedImages | RenderedImages]]  # what config.json says, how to open them


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, of the command line unless told otherwise."""
    p = parser("python -m train_align_uniform", __doc__)
    d = Config()

    g = p.add_argument_group("data and output")
    g.add_argument("--data", required=True, help="image folder: generated, downloaded or your own; or the name of a "
                   "dataset (python -m generators list), whose images are rendered while training")
    g.add_argument("--output", required=True, help="run folder; encoder.pth appears in it")
    g.add_argument("--resize", type=positive_int, help="bring all images to a square of this many pixels first "
                   "(needed for photos of different sizes; 96 is a good size)")
    g.add_argument("--cache", help="where to keep the packed array, if not in the image folder")
    g.add_argument("--samples", type=positive_int, help="of a named dataset: as many images, the same in every epoch "
                   "(default: images never come twice, and an epoch is as long as the published dataset)")
    g.add_argument("--parameters", nargs="+", default=[], metavar="NAME=VALUE", help="of a named dataset's process, "
                   "such as resolution=128 seed=1 encoder=FILE")
    g.add_argument("--workers", type=positive_int, help="processes that render, for each that trains (default: its "
                   "share of the cores, up to 8)")

    g = p.add_argument_group("optimisation")
    g.add_argument("--batch_size", type=positive_int, default=d.batch_size, help="images a step; each gives two views")
    g.add_argument("--epochs", type=positive_int, default=d.epochs, help="passes over the images")
    g.add_argument("--steps", type=positive_int, help="stop after this many steps instead of --epochs")
    g.add_argument("--lr", type=non_negative, help="learning rate (default: 0.12 per 256 images of batch)")
    g.add_argument("--lr_decay_epochs", type=int, nargs="*", default=d.lr_decay_epochs, help="decay at these epochs")
    g.add_argument("--lr_decay_rate", type=non_negative, default=d.lr_decay_rate, help="factor of each decay")
    g.add_argument("--warmup_steps", type=int, default=d.warmup_steps, help="linear warm-up, for short runs")
    g.add_argument("--cosine", action="store_true", help="cosine decay to 0 instead of steps, for short runs")
    g.add_argument("--optimizer", choices=["sgd", "adamw"], default=d.optimizer,
                   help="sgd is the paper's; adamw learns more in a short run (pass --lr with it)")
    g.add_argument("--momentum", type=non_negative, default=d.momentum, help="momentum of sgd")
    g.add_argument("--weight_decay", type=non_negative, default=d.weight_decay, help="weight decay")

    g = p.add_argument_group("loss")
    g.add_argument("--loss", choices=["align-uniform", "nt-xent"], default=d.loss, help="nt-xent is SimCLR's")
    g.add_argument("--temperature", type=non_negative, default=d.temperature, help="of nt-xent")
    g.add_argument("--align_w", type=non_negative, default=d.align_w, help="weight of alignment")
    g.add_argument("--unif_w", type=non_negative, default=d.unif_w, help="weight of uniformity")
    g.add_argument("--align_alpha", type=non_negative, default=d.align_alpha, help="alpha in alignment")
    g.add_argument("--unif_t", type=non_negative, default=d.unif_t, help="t in uniformity")

    g = p.add_argument_group("encoder and device")
    g.add_argument("--width", type=float, default=d.width, help="channel multiplier; 1 is the published network")
    g.add_argument("--batch_norm", choices=["per-view", "joint"], default=d.batch_norm,
                   help="per-view: as on the paper's two GPUs; joint: both views in one batch")
    g.add_argument("--gpus", type=int, nargs="*", help="GPU ids: one, two (DataParallel), or none for the CPU "
                   "(default: the first GPU if there is one)")
    g.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto",
                   help="auto: bfloat16 where the hardware multiplies it, recorded in config.json; float32, the "
                   "paper's, is without TF32")
    g.add_argument("--compile", action="store_true", help="torch.compile the encoder: a minute or more at the start")
    g.add_argument("--profile", type=positive_int, metavar="N", help="only measure N steps and print what they spend "
                   "their time on; there is no run")
    g.add_argument("--seed", type=int, default=d.seed, help="of weights, order and views")
    return p.parse_args(arguments)


def is_folder(args: argparse.Namespace) -> bool:
    """Whether --data is a folder. Raises UserError for options that are about the other kind, and for neither kind."""
    folder = Path(args.data).is_dir()
    if not folder and args.data not in named_datasets():
        raise UserError(f"{args.data} is not a folder, nor a named dataset ({', '.join(named_datasets())}); pass a "
                        "folder of images or one of these names")
    for option in ("samples", "parameters", "workers") if folder else ("resize", "cache"):
        if getattr(args, option):
            kind = "named datasets, and {} is a folder" if folder else "folders, and {} is a named dataset"
            raise UserError(f"--{option} is for {kind.format(args.data)}; leave it out")
    return folder


def of_folder(args: argparse.Namespace, device: torch.device) -> Opening:
    """What config.json says of the images in a folder, and how to open them."""
    paths = list_images(args.data)
    record = Path(args.data) / RECORD
    data = {"shape": packed_shape(paths, args.resize), "resize": args.resize,
            "sha256_of_contents": contents_sha256(Path(args.data), paths)}
    if record.exists():
        data["record"] = read_json(record)
    return data, lambda: PackedImages(packed_images(args.data, args.resize, args.cache), device)


def of_process(args: argparse.Namespace, device: torch.device) -> Opening:
    """What config.json says of the images of a named dataset, and how to open them."""
    chosen = settings(args.data, args.parameters)
    if needs(args.data, "encoder") and "encoder" not in chosen:
        raise UserError(f"{args.data} needs a trained network; pass --parameters encoder=FILE")
    if device.type == "cpu" and "device" in open_parameters(args.data):
        chosen = {"device": "cpu", **chosen}  # else "auto": the GPU, for those that can use one
    workers = args.workers or default_workers(processes_here())
    images = RenderedImages(load(args.data, **chosen), args.samples or size(args.data)[0], not args.samples, workers)
    data = {"shape": (images.count, images.height, images.width, 3), "endless": images.endless,
            "record": describe_dataset(images.process, args.data, images.count, "png")}
    return data, lambda: images


def main() -> int:
    args = parse()
    gpus = gpus_of_process(args.gpus)
    if gpus is not None and len(gpus) > 2:
        raise UserError(f"--gpus takes one GPU or two, not {len(gpus)}: DataParallel gives each of two GPUs one view, "
                        "and with more the batch statistics would mean something else; start one process a GPU: "
                        "torchrun --standalone --nproc-per-node=N -m train_align_uniform ...")
    if gpus is not None and len(gpus) == 2 and args.batch_norm == "joint":
        raise UserError("--batch_norm joint needs both views on one device; pass one GPU, or --batch_norm per-view")
    check_width(args.width)
    if gpus is not None and len(set(gpus)) < len(gpus):
        raise UserError(f"--gpus names GPU {gpus[0]} twice; name two different ones, or one")
    if args.warmup_steps < 0:
        raise UserError(f"--warmup_steps must be at least 0, not {args.warmup_steps}")
    if args.compile and gpus is not None and len(gpus) == 2:
        raise UserError("--compile does not go with DataParallel on two GPUs; pass one GPU, or start one process a GPU")
    if args.loss == "nt-xent" and args.temperature == 0:
        raise UserError("--temperature must be above 0")
    device = choose_device(gpus)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # also where a process renders
    precision = str(choose_precision(device, args.precision)).removeprefix("torch.")
    fields = {f.name for f in dataclasses.fields(Config)}
    config = Config(**{**{k: v for k, v in vars(args).items() if k in fields}, "precision": precision})

    with Processes.join(device) as processes:
        return train(args, config, device, gpus or [], processes)


def train(args: argparse.Namespace, config: Config, device: torch.device, gpus: list[int],
          processes: Processes) -> int:
    """Train what is left of the run, or profile; returns the exit code. The first process writes and speaks."""
    first, output = processes.rank == 0, Path(args.output)
    for my_turn in (first, not first):  # what the first has read of the images need not be read again
        with processes.as_one():
            if my_turn:
                data, open_images = (of_folder if is_folder(args) else of_process)(args, device)
                config.steps_per_epoch(data["shape"][0])
    options = {**dataclasses.asdict(config), "data": data}
    processes.require_same(options, "options and images")
    facts = {"device": describe(device), "threads": torch.get_num_threads(), "gpus": len(gpus),
             "processes": processes.count}
    # Like all above, before the images are packed, which can take an hour.
    if not args.profile and done_before(output, options, facts, processes):
        return 0
    with processes.as_one():
        images = open_images()
    if args.profile:
        endless = dataclasses.replace(config, steps=10**9)  # images for as many as it takes
        table = profile(Trainer(endless, images, device, gpus, processes), args.profile)
        if first:
            print(table)
        return 0
    trainer = Trainer(config, images, device, gpus, processes)
    with contextlib.ExitStack() as stack:
        with processes.as_one():
            run_folder = stack.enter_context(RunFolder.open(output, options, **facts)) if first else RunFolder(output)
            if first:
                print(f"{images}, {trainer.total_steps} steps of {config.batch_size} on {processes.count} × "
                      f"{facts['device']} in {config.precision}", flush=True)
        code = fit(trainer, run_folder)
        if first and not code:
            say_done(run_folder)
    return code


def done_before(output: Path, options: dict[str, Any], facts: dict[str, Any], processes: Processes) -> bool:
    """Whether the run is finished, and if so, say it. Exports the encoder again if it is lost or damaged. Raises
    UserError for a folder that holds something else."""
    run_folder, done = RunFolder(output), False
    with processes.as_one():
        if processes.rank == 0:
            RunFolder.check(output, options)
            done = run_folder.done() is not None
            if done and not finished(run_folder):
                with RunFolder.open(output, options, **facts):
                    export_again(run_folder)
                print(f"{output}/encoder.pth was missing or damaged, and is exported again from last.pth")
            if done:
                say_done(run_folder)
    return processes.agree(stop=done)


def say_done(run_folder: RunFolder) -> None:
    done = run_folder.done("steps", "seconds", "align", "uniform")
    print(f"{run_folder.path}/encoder.pth: {done['steps']} steps in {done['seconds']:.0f} s, "
          f"align {done['align']:.3f}, uniform {done['uniform']:.3f}")


if __name__ == "__main__":
    run(main)
