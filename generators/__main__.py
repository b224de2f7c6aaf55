"""Write a named dataset of noise images, or list them.

    python -m generators list
    python -m generators dead_leaves-oriented --output data/oriented --samples 1000
    python -m generators dead_leaves-oriented                  # 105,000 images to data/small/dead_leaves-oriented
    python -m generators dead_leaves-oriented --scale large    # 1,300,000 at 256x256 to data/large/dead_leaves-oriented
    RANK=0 WORLD_SIZE=4 python -m generators stat-spectrum     # the first of four processes that share one folder

The same command again goes on where it stopped; a finished folder is left alone. A larger --samples adds images.
"""

from generators.command import add_writing_options, write
from generators.named import find, load, named_datasets
from utils.cli import parser, positive_int, run

SCALES = {"small": (105_000, None), "large": (1_300_000, 256)}  # images, resolution (None: as published)


def print_list() -> None:
    """A table of the named datasets."""
    rows = [("name", "figure 2", "process", "parameters", "resolution", "trained")]
    for entry in named_datasets().values():
        parameters = " ".join(f"{key}={value}" for key, value in entry.parameters.items()) or "-"
        rows.append((entry.name, entry.figure, entry.process, parameters, str(entry.resolution),
                     "yes" if entry.trained else "no"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    options = parser("python -m generators", __doc__)
    options.add_argument("name", help="a dataset, or 'list' to see them")
    options.add_argument("--output", help="folder to write (default: data/SCALE/NAME)")
    options.add_argument("--scale", choices=SCALES, default="small", help="number and size of images, as published")
    options.add_argument("--samples", type=positive_int, help="number of images (default: by scale)")
    options.add_argument("--resolution", type=positive_int, help="height and width in pixels (default: by scale)")
    options.add_argument("--seed", type=int, default=0, help="another seed gives other images")
    add_writing_options(options)
    args = options.parse_args()
    if args.name == "list":
        print_list()
        return
    find(args.name)
    samples, resolution = SCALES[args.scale]
    args.output = args.output or f"data/{args.scale}/{args.name}"
    write(load(args.name, args.resolution or resolution, args.seed), args.name, args.samples or samples, args)


if __name__ == "__main__":
    run(main)
