"""Reading image folders: which images there are, and each as RGB whatever the file holds."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from datasets.image_folders.record import RECORD, recorded_count
from utils.cli import UserError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SPLITS = ("val", "valid", "validation", "test")  # what may lie beside `train` without being asked for
LONGEST = 100  # times a side may be as long as the other: 1 × 60,000 pixels take gigabytes when the 1 becomes 96


def _walk(folder: Path, passing: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `folder`, itself included, with the names of its images. Links are followed; what is hidden
    is left out, and so are the subfolders of `folder` called `passing`."""
    for parent, subfolders, names in os.walk(folder, followlinks=True):
        # Hidden are splits being prepared, say.
        subfolders[:] = [name for name in subfolders if not name.startswith(".")
                         and (name not in passing or parent != str(folder))]
        for link in (Path(parent, name) for name in subfolders):
            if link.is_symlink() and any(link.samefile(above) for above in link.parents):
                raise UserError(f"{link} is a link to a folder that it lies in, which has no end; remove it")
        yield parent, [name for name in names if name.lower().endswith(EXTENSIONS) and not name.startswith(".")]


def count_images(folder: Path) -> int:
    """The number of images in `folder` and below, 0 if it is not there."""
    return sum(len(names) for _, names in _walk(folder))


def _images(folder: Path) -> list[Path]:
    """Every image in `folder` and below, by folder and then by name. Raises UserError if there is none."""
    paths = [Path(parent, name) for parent, names in sorted(_walk(folder)) for name in sorted(names)]
    if not paths:
        raise UserError(f"no images in {folder} (looked for {', '.join(EXTENSIONS)}, also in subfolders)")
    return paths


def _beside_train(root: Path) -> Path | None:
    """An image below `root` that lies neither in `train` nor in another split, None if there is none."""
    for parent, names in _walk(root, passing=("train", *SPLITS)):
        if names:
            return Path(parent, names[0])
    return None


def list_images(root: Path | str) -> list[Path]:
    """Every image under `root`/train if that exists, else under `root`, by folder and then by name.

    Links to folders are followed. Raises UserError for a missing folder, one without images, one that links to itself,
    one whose record (beside `train`, also when that itself is `root`) asks for other images than are there, and one
    without a record that has images beside `train` and the other splits (a class may be called train).
    """
    root = Path(root)
    folder = root / "train" if (root / "train").is_dir() else root
    if not folder.is_dir():
        raise UserError(f"{root} is not a folder; pass a folder of images, or make one: python -m generators --help")
    home = folder.parent if folder.resolve().name == "train" else folder
    expected = recorded_count(home)
    if expected is None and folder != root and (other := _beside_train(root)):
        raise UserError(f"{root} holds a folder called train, and images beside it, such as {other}; pass {folder} to "
                        "read just that, or rename it to read them all")
    paths = _images(folder)
    if expected is not None and len(paths) != expected:
        raise UserError(f"{root} holds {len(paths)} of the {expected} images its {RECORD} names: it is still being "
                        "generated, or was interrupted; run the command that makes it again to finish it")
    return paths


def labelled_images(root: Path | str, split: str) -> tuple[list[Path], np.ndarray, list[str]]:
    """Images of `root`/`split`/<class>/, in the order of torchvision's ImageFolder.

    Returns (paths, labels int64 [N], class names sorted). Raises UserError for a missing folder, no classes, or a class
    without images.
    """
    folder = Path(root) / split
    if not folder.is_dir():
        raise UserError(f"{folder} is not there: labelled images are expected as {root}/train/<class>/ and "
                        f"{root}/val/<class>/")
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise UserError(f"{folder} has no class folders: images are expected as {folder}/<class>/<name>.jpg")
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = _images(folder / name)
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels, dtype=np.int64), classes


def read_rgb(path: Path | str | BinaryIO) -> Image.Image:
    """The image in the file `path`, which may be open, decoded, as 8-bit RGB.

    Grey, palette and CMYK images are converted, 16-bit grey is scaled to 8 bits, an alpha channel is dropped. Raises
    UserError naming the file if it is no plain file (a pipe would be waited for), empty, cut short, not an image, of a
    kind with no defined range (float), or more than LONGEST times as long as it is wide.
    """
    if isinstance(path, str | Path) and not os.path.isfile(path):
        raise UserError(f"{path} is no file, or a link to nothing; remove or replace it")
    try:
        with Image.open(path) as image:
            if max(image.size) > LONGEST * min(image.size):
                raise UserError(f"{path} has {image.width}×{image.height} pixels, and a side may be {LONGEST} times as "
                                "long as the other; remove it, or cut it into pieces")
            image.load()
    except UnidentifiedImageError:
        raise UserError(f"{path} is not an image (or is empty); remove or replace it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as an image ({error}); remove or replace it") from None
    if image.mode.startswith("I;16") or image.mode == "I":  # PIL would clip, not scale; "I" is how it opens 16-bit PNG
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UserError(f"{path} has integer pixels outside 0..65535; convert it to 8 bits first")
        image = Image.fromarray((values // 257).astype(np.uint8))
    elif image.mode == "F":
        raise UserError(f"{path} has floating-point pixels, whose range is not defined; convert it to 8 bits first")
    elif image.mode == "P":  # a palette with an alpha channel converts to RGB only by way of RGBA
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")
