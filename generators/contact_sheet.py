"""Pictures of what is in datasets: contact sheets, and an overview with a block for each, lettered as in figure 2.

    python -m generators.contact_sheet stat-spectrum --output sheet.png
    python -m generators.contact_sheet dead_leaves-mixed stat-wmm --output overview.png --sheets sheets
    python -m generators.contact_sheet data/small_scale/stat-spectrum my_module:MyProcess --output sheet.png

Of named datasets the first images of --seed are rendered; of an image folder, images evenly spaced over it are shown. A
folder that was made here carries the letter of its dataset, so a slow one can be written first and shown from there.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.image_folders.encode import rendered
from datasets.image_folders.folder import list_images, read_rgb
from datasets.image_folders.record import record_of
from generators.named import make_process, named_datasets
from utils.cli import UserError, parser, positive_int, run
from utils.files import atomic_open

TILE, GAP, LINE = 128, 4, 26  # pixels: an image in a figure, between two images, a line of text
SHEET_ROWS, SHEET_COLUMNS = 4, 8


def label_of(name: str) -> str:
    """'e  dead_leaves-squares': the letter of figure 2, if there is one, and the name."""
    figure = named_datasets()[name].figure if name in named_datasets() else "-"
    return name if figure == "-" else f"{figure}  {name}"


def source_of(name: str, seed: int, encoder: str) -> tuple[str, Callable[[int], list[np.ndarray]]]:
    """The label of a named dataset or a folder, and a function that makes `count` of its images, uint8 [H, W, 3] (fewer
    if a folder has fewer).

    encoder: for a dataset that needs one. Raises UserError if `name` is neither, before anything is rendered.
    """
    if Path(name).is_dir():
        paths = list_images(name)
        made = str(record_of(name)["name"])

        def read(count: int) -> list[np.ndarray]:
            chosen = [paths[i * len(paths) // count] for i in range(count)] if len(paths) > count else paths
            return [np.asarray(read_rgb(path)) for path in chosen]

        return label_of(made if made in named_datasets() else Path(name).resolve().name), read
    if "/" in name:
        raise UserError(f"{name} is not a folder; pass folders of images or names of datasets")
    process = make_process(name, seed=seed, encoder=encoder)
    return label_of(name), lambda count: list(rendered(process, range(count)))


def block(label: str, images: Sequence[np.ndarray], columns: int) -> Image.Image:
    """The label above the images, `columns` in a row, each reduced to TILE pixels if it is larger."""
    rows = -(-len(images) // columns)
    width, height = columns * (TILE + GAP) - GAP, LINE + rows * (TILE + GAP) - GAP
    canvas = Image.new("RGB", (width, height), "white")
    text = label.encode(errors="replace").decode()  # the name of a folder need not be text
    ImageDraw.Draw(canvas).text((0, 2), text, "black", ImageFont.load_default(18))
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
    p.add_argument("sources", nargs="+", help="dataset names, processes MODULE:CLASS of your own, or image folders")
    p.add_argument("--output", type=Path, required=True, help="file of the overview, .png or .jpg")
    p.add_argument("--sheets", type=Path,
                   help=f"folder for a contact sheet of each, {SHEET_ROWS * SHEET_COLUMNS} images")
    p.add_argument("--rows", type=positive_int, default=2, help="rows of images in a block of the overview")
    p.add_argument("--columns", type=positive_int, default=4, help="columns of images in a block of the overview")
    p.add_argument("--across", type=positive_int, default=3, help="blocks in a line of the overview")
    p.add_argument("--seed", type=int, default=0, help="seed of the images that are rendered")
    p.add_argument("--encoder", default="", help="checkpoint, for datasets that need one")
    args = p.parse_args()
    sources = [source_of(name, args.seed, args.encoder) for name in args.sources]
    shown = args.rows * args.columns
    blocks = []
    for number, (label, make) in enumerate(sources):
        images = make(max(shown, SHEET_ROWS * SHEET_COLUMNS) if args.sheets else shown)
        blocks.append(block(label, images[:shown], args.columns))
        if args.sheets:
            sheet = f"{number + 1:02d}-{label.rpartition('  ')[2].replace(':', '-')}.png"
            save(block(label, images, SHEET_COLUMNS), args.sheets / sheet)
    save(overview(blocks, args.across), args.output)
    print(f"{args.output}: {len(blocks)} datasets" + (f"; a sheet of each in {args.sheets}" if args.sheets else ""))


if __name__ == "__main__":
    run(main)
