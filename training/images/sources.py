"""The images that a command is asked to train on: a folder, tar shards, or a named dataset that renders meanwhile."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from datasets.image_folders.fingerprint import contents_sha256
from datasets.image_folders.folder import RECORD, list_images
from datasets.image_folders.writer import describe
from datasets.packed import packed_images, packed_shape
from datasets.shards.mixture import Mixture
from datasets.shards.read import list_shards, open_shards
from generators.named import known, make_process, named_datasets, needs, open_parameters, published_size, settings
from training.distributed import processes_here
from training.images.sharded import MixedImages, ShardedImages
from training.images.streams import PackedImages, RenderedImages
from utils.cli import UserError, positive_int
from utils.cpus import default_workers
from utils.files import read_json

Images = PackedImages | RenderedImages | ShardedImages
Source = tuple[dict[str, Any], Callable[[], Any]]  # what config.json says, how to open them (`Images`, or examples)


def add_folder_options(p: Any) -> None:
    """Options about images in a folder, for a parser or a group of one."""
    p.add_argument("--resize", type=positive_int, help="bring all images to a square of this many pixels first "
                   "(needed for photos of different sizes; 96 is a good size)")
    p.add_argument("--cache", help="where to keep the packed array, or indices of shards, if not in the image folder")


def add_source_options(p: Any) -> None:
    """All options about images."""
    p.add_argument("--data", required=True, help="folder of images or tar shards: generated, downloaded or your own; "
                   "the name of a dataset (python -m generators list), whose images are rendered while training; or "
                   "MODULE:CLASS, a process of your own (generators/outside.py)")
    p.add_argument("--mix", nargs="+", default=[], metavar="DIR", help="folders of shards to mix with that of --data")
    p.add_argument("--weights", nargs="+", type=float, default=[], metavar="W", help="of --data and each --mix, how "
                   "much of an epoch is of each (default: so that all images come equally often)")
    p.add_argument("--epoch_length", type=positive_int, metavar="N", help="with --mix, images of an epoch (default: as "
                   "many as there are)")
    add_folder_options(p)
    p.add_argument("--samples", type=positive_int, help="with a named dataset: images to train on, the same in every "
                   "epoch (default: none comes twice, and an epoch is as long as the published dataset)")
    p.add_argument("--parameters", nargs="+", default=[], metavar="NAME=VALUE", help="parameters of a named "
                   "dataset, such as resolution=128 seed=1 encoder=FILE")
    p.add_argument("--workers", type=positive_int, help="processes that render, or decode shards, for each training "
                   "process (default: its share of the cores, up to 8)")


def find_source(args: argparse.Namespace, device: torch.device) -> Source:
    """What config.json says of the images, and how to open them. Raises UserError for images that are not there, and
    for options that go only with the other kind of source."""
    folder = Path(args.data).is_dir()
    if not folder and not known(args.data):
        raise UserError(f"{args.data} is not a folder, nor a named dataset ({', '.join(named_datasets())}); pass a "
                        "folder of images, one of these names, or MODULE:CLASS")
    if (args.weights or args.epoch_length) and not args.mix:
        raise UserError("--weights and --epoch_length are for a mixture; pass --mix with further folders of shards")
    shards = bool(args.mix) or (folder and bool(list_shards(args.data)))
    foreign = ("samples", "parameters") if shards else ("samples", "parameters", "workers") if folder else (
        "resize", "cache")
    for option in foreign:
        if getattr(args, option):
            kind = "named datasets, and {} is a folder" if folder else "folders, and {} is a named dataset"
            raise UserError(f"--{option} is for {kind.format(args.data)}; leave it out")
    return (_of_shards if shards else _of_folder if folder else _of_process)(args, device)


def _of_folder(args: argparse.Namespace, device: torch.device) -> Source:
    paths = list_images(args.data)
    record = Path(args.data) / RECORD
    data = {"shape": packed_shape(paths, args.resize), "resize": args.resize,
            "sha256_of_contents": contents_sha256(Path(args.data), paths)}
    if record.exists():
        data["record"] = read_json(record)
    return data, lambda: PackedImages(packed_images(args.data, args.resize, args.cache), device)


def _of_shards(args: argparse.Namespace, device: torch.device) -> Source:
    roots = [args.data, *args.mix]
    shards = open_shards(roots, args.cache)
    workers = args.workers or default_workers(processes_here())
    images = ShardedImages(shards, workers, args.resize)
    if args.mix:
        weights = args.weights or shards.counts
        images = MixedImages(shards, Mixture(shards.counts, weights, args.epoch_length or len(shards), args.seed),
                             workers, args.resize)
    sets = [{"images": count, "sha256_of_shards": digest,
             **({"record": read_json(Path(root, RECORD))} if Path(root, RECORD).exists() else {})}
            for root, count, digest in zip(roots, shards.counts, shards.sha256, strict=True)]
    data = {"shape": (images.count, images.height, images.width, 3), "resize": args.resize, "sets": sets}
    if args.mix:
        data["weights"] = weights
    return data, lambda: images


def _of_process(args: argparse.Namespace, device: torch.device) -> Source:
    chosen = settings(args.data, args.parameters)
    if needs(args.data, "encoder") and "encoder" not in chosen:
        raise UserError(f"{args.data} needs a trained network; pass --parameters encoder=FILE")
    if device.type == "cpu" and "device" in open_parameters(args.data):
        chosen = {"device": "cpu", **chosen}  # else "auto": the GPU, for those that can use one
    workers = args.workers or default_workers(processes_here())
    count = args.samples or published_size(args.data)[0]
    images = RenderedImages(make_process(args.data, **chosen), count, not args.samples, workers)
    data = {"shape": (images.count, images.height, images.width, 3), "endless": images.endless,
            "record": describe(images.process, args.data, images.count, "png")}
    return data, lambda: images
