"""Write a named dataset of noise images, or list them.

    python -m generators list
    python -m generators dead_leaves-oriented --output data/oriented --samples 1000
    python -m generators dead_leaves-oriented                  # 105,000 to data/small_scale/dead_leaves-oriented
    python -m generators dead_leaves-oriented --scale large    # 1,300,000 at 256x256 to data/large_scale/...
    python -m generators dead_leaves-oriented --scale large --format tar       # in 1,300 tar shards
    python -m generators dead_leaves-oriented --help           # with the options of its process
    python -m generators --process my_module:MyProcess         # of your own: see generators/outside.py
    RANK=0 WORLD_SIZE=4 python -m generators stat-spectrum     # the first of four processes that share one folder

The name comes first. The same command again goes on where it stopped; a finished folder is left alone. A larger
--samples adds images. A folder whose images the code no longer makes is refused.
"""

import sys

from generators import outside
from generators.command import add_writing_options, write
from generators.named import SCALES, find, known, named_datasets, needs, process_class, published_size
from utils.cli import parser, positive_int, run
from utils.options import add_options, from_options


def print_list() -> None:
    """A table of the named datasets."""
    rows = [("name", "figure 2", "process", "parameters", "resolution", "trained", "study")]
    for entry in named_datasets().values():
        parameters = " ".join(f"{key}={value}" for key, value in entry.parameters.items()) or "-"
        rows.append((entry.name, entry.figure, entry.process, parameters, str(entry.resolution),
                     "yes" if entry.trained else "no", f"no: {entry.not_in_study}" if entry.not_in_study else "yes"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--process"] else sys.argv[1:]
    name = arguments[0] if arguments else "--help"
    options = parser(f"python -m generators {name}" if known(name) else "python -m generators", __doc__)
    options.add_argument("name", help="a dataset, or 'list' to see them")
    if name == "list" or name.startswith("-"):
        options.parse_args(arguments)  # --help, or a name that does not come first
        print_list()
        return
    entry = find(name)
    cls = process_class(entry.process)
    options.add_argument("--output", help="folder to write (default: data/SCALE/NAME)")
    options.add_argument("--scale", choices=SCALES, default="small", help="number and size of images")
    options.add_argument("--samples", type=positive_int, help="number of images (default: by scale)")
    options.add_argument("--resolution", type=int, help="height and width in pixels (default: by scale)")
    fixed = {parameter: value for parameter, value in entry.parameters.items() if not needs(name, parameter)}
    add_options(options, cls, {*fixed, "resolution"}, **dict.fromkeys(entry.parameters.keys() - fixed.keys(), ""))
    add_writing_options(options)
    args = options.parse_args(arguments)
    samples, resolution = published_size(name, args.scale)
    resolution = args.resolution if args.resolution is not None else resolution
    args.output = args.output or f"data/{args.scale}_scale/{name.replace(':', '-')}"
    process = from_options(cls, args, resolution=resolution, **fixed)
    write(outside.tried(process) if ":" in name else process, name, args.samples or samples, args)


if __name__ == "__main__":
    run(main)
