"""Pictures of what is in datasets: contact sheets, and an overview with a block for each, lettered as in figure 2.

    python -m generators.contact_sheet stat-spectrum --output sheet.png
    python -m generators.contact_sheet dead_leaves-mixed stat-wmm --output overview.png --sheets sheets
    python -m generators.contact_sheet data/small/stat-spectrum --output sheet.png

Of named datasets the first images of --seed are rendered; of an image folder, images evenly spaced over it are shown. A
folder that was made here carries the letter of its dataset, so a slow one can be written first and shown from there.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.folder import RECORD, list_images, read_rgb
from generators.named import load, named_datasets
from utils.cli import UserError, parser, positive_int, run
from utils.files import atomic_open, read_json

TILE, GAP, LINE = 128, 4, 26  # pixels: an image in a figure, between two images, a line of text
SHEET_ROWS, SHEET_COLUMNS = 4, 8


def label_of(name: str) -> str:
    """'e  dead_leaves-squares': the letter of figure 2, if there is one, and the name."""
    figure = named_datasets()[name].figure if name in named_datasets() else "-"
    return name if figure == "-" else f"{figure}  {name}"


def images_of(source: str, count: int, seed: int) -> tuple[str, list[np.ndarray]]:
    """A label and `count` images (fewer if a folder has fewer), uint8 [H, W, 3], of a named dataset or a folder.

    Raises UserError if `source` is neither.
    """
    if Path(source).is_dir():
        paths = list_images(source)
        paths = [paths[i * len(paths) // count] for i in range(count)] if len(paths) > count else paths
        record = Path(source, RECORD)
        name = read_json(record)["name"] if record.exists() else Path(source).resolve().name
        return label_of(name), [np.asarray(read_rgb(path)) for path in paths]
    if "/" in source:
        raise UserError(f"{source} is not a folder; pass folders of images or names of datasets")
    images = load(source, seed=seed).render(range(count))
    return label_of(source), list(images if isinstance(images, np.ndarray) else images.cpu().numpy())


def block(label: str, images: Sequence[np.ndarray], columns: int) -> Image.Image:
    """The label above the images, `columns` in a row, each reduced to TILE pixels if it is larger."""
    rows = -(-len(images) // columns)
    width, height = columns * (TILE + GAP) - GAP, LINE + rows * (TILE + GAP) - GAP
    canvas = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(canvas).text((0, 2), label, "black", ImageFont.load_default(18))
    for i, array in enumerate(images):
        image = Image.fromarray(array)
        image.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
        canvas.paste(image, (i % columns * (TILE + GAP), LINE + i // columns * (TILE + GAP)))
    return canvas


def overview(blocks: Sequence[Image.Image], across: int) -> Image.Image:
    """Blocks side by side, `across` in a line."""
    lines = [blocks[i : i + across] for i in range(0, len(blocks), across)]
    margin = 4 * GAP
    widths = [max(line[i].width for line in lines if i < len(line)) + margin for i in range(len(lines[0]))]
    heights = [max(image.height for image in line) + margin for line in lines]
    canvas = Image.new("RGB", (sum(widths) + margin, sum(heights) + margin), "white")
    for y, line in enumerate(lines):
        for x, image in enumerate(line):
            canvas.paste(image, (margin + sum(widths[:x]), margin + sum(heights[:y])))
    return canvas


def save(image: Image.Image, path: Path) -> None:
    """Write a JPEG if `path` ends in .jpg, else a PNG; whole or not at all, and its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path) as file:
        if path.suffix == ".jpg":
            image.save(file, "JPEG", quality=90)
        else:
            image.save(file, "PNG")


def main() -> None:
    p = parser("python -m generators.contact_sheet", __doc__)
    p.add_argument("sources", nargs="+", help="dataset names or image folders")
    p.add_argument("--output", type=Path, required=True, help="file of the overview, .png or .jpg")
    p.add_argument("--sheets", type=Path,
                   help=f"folder for a contact sheet of each, {SHEET_ROWS * SHEET_COLUMNS} images")
    p.add_argument("--rows", type=positive_int, default=2, help="of images in a block of the overview")
    p.add_argument("--columns", type=positive_int, default=4, help="of images in a block of the overview")
    p.add_argument("--across", type=positive_int, default=3, help="blocks in a line of the overview")
    p.add_argument("--seed", type=int, default=0, help="of rendered images")
    args = p.parse_args()
    blocks = []
    for source in args.sources:
        count = args.rows * args.columns
        sheet = SHEET_ROWS * SHEET_COLUMNS if args.sheets else 0
        label, images = images_of(source, max(count, sheet), args.seed)
        blocks.append(block(label, images[:count], args.columns))
        if args.sheets:
            save(block(label, images, SHEET_COLUMNS), args.sheets / f"{label.split()[-1]}.png")
    save(overview(blocks, args.across), args.output)
    print(f"{args.output}: {len(blocks)} datasets" + (f"; a sheet of each in {args.sheets}" if args.sheets else ""))


if __name__ == "__main__":
    run(main)
