"""Train the contrastive encoder on a folder of images.

    python -m train_align_uniform --data data/small_scale/stat-wmm --output encoders/small_scale/stat-wmm
    python -m train_align_uniform --data DIR --output DIR --gpus 0 1          # as in the paper: two GPUs, DataParallel
    torchrun --standalone --nproc-per-node=4 -m train_align_uniform --data DIR --output DIR    # one process a GPU, DDP
    python -m train_align_uniform --data DIR --output DIR --gpus --width 0.25 --batch_size 125 --steps 600 --cosine \
        --warmup_steps 20 --optimizer adamw --lr 0.002                        # a short run on a CPU

The defaults are the paper's. The same command resumes an interrupted run, and does nothing when the run is finished.
"""

import argparse
import contextlib
import dataclasses
from pathlib import Path

import torch

from datasets.folder import RECORD, list_images
from datasets.packed import packed_images, packed_shape
from models.small_alexnet import check_width
from train_align_uniform.distributed import Processes, gpus_of_process
from train_align_uniform.trainer import Config, Trainer
from utils.cli import UserError, non_negative, parser, positive_int, run
from utils.devices import choose_device, choose_precision, describe
from utils.files import read_json
from utils.run_folder import RunFolder


def parse() -> argparse.Namespace:
    p = parser("python -m train_align_uniform", __doc__)
    d = Config()

    g = p.add_argument_group("data and output")
    g.add_argument("--data", required=True, help="image folder: generated, downloaded or your own")
    g.add_argument("--output", required=True, help="run folder; encoder.pth appears in it")
    g.add_argument("--resize", type=positive_int, help="bring all images to a square of this many pixels first "
                   "(needed for photos of different sizes; 96 is a good size)")
    g.add_argument("--cache", help="where to keep the packed array, if not in the image folder")

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
                   help="auto: bfloat16 where the hardware multiplies it")
    g.add_argument("--seed", type=int, default=d.seed, help="of weights, order and views")
    return p.parse_args()


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
    if args.loss == "nt-xent" and args.temperature == 0:
        raise UserError("--temperature must be above 0")
    device = choose_device(gpus)
    precision = str(choose_precision(device, args.precision)).removeprefix("torch.")
    fields = {f.name for f in dataclasses.fields(Config)}
    config = Config(**{**{k: v for k, v in vars(args).items() if k in fields}, "precision": precision})

    paths = list_images(args.data)
    config.steps_per_epoch(len(paths))
    record = Path(args.data) / RECORD
    data = {"shape": packed_shape(paths, args.resize), "resize": args.resize,
            "record": read_json(record) if record.exists() else None}
    options = {**dataclasses.asdict(config), "data": data}
    output = Path(args.output)
    RunFolder.check(output, options)  # like all above, before the images are packed, which can take an hour
    images = packed_images(args.data, args.resize, args.cache)
    with contextlib.ExitStack() as stack:
        processes = stack.enter_context(Processes.join(device))
        trainer = Trainer(config, images, device, gpus or [], processes)
        facts = {"device": describe(device), "threads": torch.get_num_threads(), "gpus": len(gpus or []),
                 "processes": processes.count}
        folder = RunFolder(output)
        if processes.rank == 0:
            folder = stack.enter_context(RunFolder.open(output, options, **facts))
        processes.wait()  # the folder is ours, and what is in it is complete
        if folder.done is None:
            if processes.rank == 0:
                print(f"{len(images)} images of {images.shape[2]}×{images.shape[1]}, {trainer.total_steps} steps of "
                      f"{config.batch_size} on {processes.count} × {facts['device']} in {precision}", flush=True)
            code = trainer.fit(folder)
            if code:
                return code
        if processes.rank == 0:
            done = folder.done
            print(f"{output}/encoder.pth: {done['steps']} steps in {done['seconds']:.0f} s, align {done['align']:.3f}, "
                  f"uniform {done['uniform']:.3f}")
    return 0


if __name__ == "__main__":
    run(main)
