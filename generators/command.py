"""The command line of image processes, and the folder they are written to."""

import argparse
import os
import sys

from datasets.image_folders.encode import FORMATS, ImageProcess
from datasets.image_folders.writer import write_image_folder
from generators.named import process_class
from utils.cli import UserError, parser, positive_int, run
from utils.cpus import default_workers
from utils.options import add_options, from_options


def add_writing_options(options: argparse.ArgumentParser) -> None:
    """Options of every command that writes an image folder."""
    options.add_argument("--workers", type=positive_int, help="processes (default: one a core, up to 8)")
    options.add_argument("--format", choices=FORMATS, default="jpg", help="jpg (quality 95), lossless png, "
                         "or tar: JPEGs in shards of 1,000, for a million images")


def shard() -> tuple[int, int]:
    """This process's rank and the number of processes that share the work, from RANK and WORLD_SIZE; (0, 1) without.

    Raises UserError if they do not make sense.
    """
    rank, world_size = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and world_size.isdecimal() and int(rank) < int(world_size)):
        raise UserError(f"RANK={rank} and WORLD_SIZE={world_size} do not make a shard: RANK counts from 0 to "
                        "WORLD_SIZE - 1; unset both to write everything in one process")
    return int(rank), int(world_size)


def write(process: ImageProcess, name: str, samples: int, args: argparse.Namespace) -> None:
    """Write the folder that the options ask for and say in one line what was made and where."""
    rank, world_size = shard()
    written = write_image_folder(process, args.output, samples, name=name, image_format=args.format,
                                 workers=args.workers or default_workers(), rank=rank, world_size=world_size)
    part = f" (shard {rank} of {world_size})" if world_size > 1 else ""
    size = f"{process.resolution}x{process.resolution} {args.format}"
    if written:
        print(f"{name}: made {written:,} images{part}, {size}, in {args.output}; it is for {samples:,} in all")
    else:
        print(f"{name}: nothing to do{part}, {args.output} holds them all ({samples:,} images, {size})")


def process_command(path: str) -> None:
    """Entry point of a process module: `process_command("dead_leaves.DeadLeaves")`, options from the class's fields."""
    cls = process_class(path)  # the importable class and not __main__'s, so that worker processes can find it
    module = path.rpartition(".")[0]

    def main() -> None:
        options = parser(f"python -m generators.{module}", sys.modules[cls.__module__].__doc__)
        add_options(options, cls)
        options.add_argument("--output", required=True, help="folder to write")
        options.add_argument("--samples", type=positive_int, default=100, help="number of images")
        add_writing_options(options)
        args = options.parse_args()
        write(from_options(cls, args), module, args.samples, args)

    run(main)
