"""A picture of what is in datasets: one row each, lettered as in figure 2 of the paper.

    python -m generators.contact_sheet dead_leaves-mixed stat-spectrum --output sheet.png
    python -m generators.contact_sheet --output docs/overview.png          # every named dataset
    python -m generators.contact_sheet data/small/stat-spectrum --output sheet.png

Names are rendered (images 0, 1, ... of --seed); of a folder, images evenly spaced over it are shown.
"""

from pathlib import Path

import matplotlib
import numpy as np

from datasets.folder import list_images, read_rgb
from generators.named import load, named_datasets
from utils.cli import UserError, parser, positive_int, run
from utils.files import atomic_open

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def row_of(source: str, columns: int, seed: int) -> tuple[str, list[np.ndarray]]:
    """A label and `columns` images, uint8 [H, W, 3], of a named dataset or an image folder.

    Raises UserError if `source` is neither.
    """
    if Path(source).is_dir():
        paths = list_images(source)
        paths = [paths[i * len(paths) // columns] for i in range(min(columns, len(paths)))]
        return Path(source).resolve().name, [np.asarray(read_rgb(path)) for path in paths]
    if "/" in source:
        raise UserError(f"{source} is not a folder; pass folders of images or names of datasets")
    images = load(source, seed=seed).render(range(columns))
    return f"{named_datasets()[source].figure}  {source}", list(np.asarray(images))


def draw_sheet(rows: list[tuple[str, list[np.ndarray]]], path: Path) -> None:
    """Write rows of (label, images) as one PNG, whole or not at all."""
    columns = max(len(images) for _, images in rows)
    # One row of axes for each dataset, 1.25 inches an image, and a line above it for the label.
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.25 * columns, 1.5 * len(rows)), squeeze=False)
    for (label, images), line in zip(rows, axes, strict=True):
        line[0].set_title(label, loc="left", fontsize=9)
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image, interpolation="antialiased")
    top = 1 - 0.25 / (1.5 * len(rows))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=top, wspace=0.04, hspace=0.2)
    with atomic_open(path) as file:
        figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    p = parser("python -m generators.contact_sheet", __doc__)
    p.add_argument("sources", nargs="*", help="dataset names or image folders (default: all named datasets)")
    p.add_argument("--output", type=Path, required=True, help="PNG file to write")
    p.add_argument("--columns", type=positive_int, default=8, help="images of each")
    p.add_argument("--seed", type=int, default=0, help="of rendered images")
    args = p.parse_args()
    rows = [row_of(source, args.columns, args.seed) for source in args.sources or named_datasets()]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(rows, args.output)
    print(f"{args.output}: {len(rows)} datasets")


if __name__ == "__main__":
    run(main)
