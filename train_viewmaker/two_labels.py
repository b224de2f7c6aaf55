"""Photos with a digit drawn over each: one set of images, two labels, to see which of them views make invariant.

    python -m train_viewmaker.two_labels data/cifar10 --output data/two_labels
    python -m train_viewmaker --data data/two_labels/photo --encoder resnet18 --output runs/two_labels
    python -m linear_eval --data data/two_labels/digit --encoder runs/two_labels/encoder.pth --output digit.json

photo/ has the classes of the photos, digit/ the digits; below both lie the same files. Expert views may hide what a
task needs, and learned views may rub out what is easy (Tamkin et al., "Feature Dropout", NeurIPS 2023, whose sets these
follow). Digit, place and size are a function of (seed, split, photo); the digit tells nothing of the class.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.image_folders.folder import labelled_images, read_rgb
from datasets.image_folders.record import RECORD, make_record
from utils.cli import UserError, parser, run, whole_number
from utils.files import atomic_open, locked, read_record, write_json
from utils.progress import Progress
from utils.seeding import generator, stable_key

LABELS = ("photo", "digit")
HEIGHT = 0.5, 0.7  # of the digits, as parts of the image's


def with_digit(photo: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, int]:
    """A copy of the photo with a digit in white, edged in black, and which digit it is, 0 to 9."""
    image, digit = photo.convert("RGB"), int(rng.integers(10))
    height = image.height * rng.uniform(*HEIGHT)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height / 0.7)  # digits are 0.7 of a font's size
    left, top, right, bottom = draw.textbbox((0, 0), str(digit), font, stroke_width=1)
    room = np.maximum(0, (image.width - (right - left), image.height - (bottom - top)))
    x, y = rng.uniform(0, room)
    draw.text((x - left, y - top), str(digit), "white", font, stroke_width=1, stroke_fill="black")
    return image, digit


def write_two_labels(photos: Path, root: Path, seed: int) -> None:
    """Write `root`/photo and `root`/digit, each with train/<class>/ and val/<class>/, PNG; goes on where it was
    stopped. Raises UserError if `photos` has no such folders, or `root` holds other files."""
    source = {split: labelled_images(photos, split) for split in ("train", "val")}
    about = {"source": str(photos), "seed": seed}
    if (root / RECORD).exists():
        if read_record(root / RECORD).get("two_labels") != about:
            raise UserError(f"{root} was made of other photos or another seed; choose another --output")
    elif root.is_dir() and any(path.name != ".lock" for path in root.iterdir()):
        raise UserError(f"{root} holds other files; choose another --output")
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock", f"{root} is being written by another process; wait for it"):
        write_json(root / RECORD, {"two_labels": about})
        for split, (paths, labels, classes) in source.items():
            key = stable_key("two labels", seed, split)
            with Progress(len(paths), f"drawing {split}", "images") as progress:
                for i, (path, label) in enumerate(zip(paths, labels, strict=True)):
                    image, digit = with_digit(read_rgb(path), generator(key, i))
                    first, second = (root / kind / split / name / f"{i:06d}.png"
                                     for kind, name in zip(LABELS, (classes[label], str(digit)), strict=True))
                    for file in (first, second):
                        file.parent.mkdir(parents=True, exist_ok=True)
                    if not first.exists():
                        with atomic_open(first, durable=False) as file:
                            image.save(file, "PNG")
                    if not second.exists():
                        os.link(first, second)
                    progress.update(1)
        for kind in LABELS:
            write_json(root / kind / RECORD, make_record(f"{photos.name}, {kind}", "two_labels",
                                                         {split: len(source[split][0]) for split in source}))


def main() -> None:
    p = parser("python -m train_viewmaker.two_labels", __doc__)
    p.add_argument("photos", type=Path, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--output", type=Path, required=True, help="folder to write")
    p.add_argument("--seed", type=whole_number, default=0, help="another seed draws other digits")
    args = p.parse_args()
    write_two_labels(args.photos, args.output, args.seed)
    print(f"{args.output}: photo/ and digit/, the same images under two labels")


if __name__ == "__main__":
    run(main)
