"""The packed array: an image folder as one uint8 memory map, which is what training reads.

    python -m datasets.packed data/small_scale/dead_leaves-mixed
    python -m datasets.packed photos --resize 96

Decoding happens once. `packed.npy` lies beside the images, or in --cache, with a record of the files it was made from;
when the folder changes it is made again. Training does this by itself, and says where; run it beforehand to have it
ready.
"""

import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.image_folders.fingerprint import states_sha256
from datasets.image_folders.folder import list_images, read_rgb
from utils.cli import UserError, parser, positive_int, run
from utils.cpus import usable_cpus
from utils.files import errors_name, human_bytes, locked, read_json, write_json
from utils.progress import Progress

IMAGES_AN_UPDATE = 1024  # images decoded between two updates of the progress line
MOST_PIXELS = 2**26  # of a resized image before its centre is cut out: 200 MB


def resized(sides: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of an image once its shorter side is `size`."""
    return size * sides[0] // min(sides), size * sides[1] // min(sides)


def resize_and_crop(image: Image.Image, size: int) -> Image.Image:
    """Shorter side to `size` (antialiased bilinear), then the central square: torchvision's Resize and CenterCrop."""
    width, height = resized(image.size, size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def packed_shape(paths: list[Path], resize: int | None = None) -> tuple[int, int, int, int]:
    """The shape (N, H, W, 3) of the packed array, from the first image alone. Raises UserError if it cannot be read."""
    width, height = (resize, resize) if resize else read_rgb(paths[0]).size
    return len(paths), height, width, 3


def packed_images(root: Path | str, resize: int | None = None, cache: Path | str | None = None) -> np.ndarray:
    """All images of a folder as a read-only memory map uint8 [N, H, W, 3], in `list_images` order.

    With `resize` every image becomes a square of that many pixels; without it all must have one size. The array is kept
    in `cache` (default: the folder itself). Raises UserError for what `list_images` and `read_rgb` refuse, for mixed
    sizes, and when the disk has no room.
    """
    root = Path(root)
    paths = list_images(root)
    folder = Path(cache) if cache else root
    if cache:
        folder.mkdir(parents=True, exist_ok=True)
    name = "packed" if resize is None else f"packed-{resize}"
    array, record = folder / f"{name}.npy", folder / f"{name}.json"
    made_from = {"count": len(paths), "resize": resize, "sha256_of_states": states_sha256(root, paths)}

    def kept() -> np.ndarray | None:
        try:
            images = np.load(array, mmap_mode="r")
            # Afterwards: a command that packs another folder into the same cache removes the record first.
            return images if read_json(record) == made_from else None
        except (FileNotFoundError, ValueError, EOFError, UserError):  # a copy that was cut off, a damaged record
            return None

    images = kept()
    if images is None:
        if not os.access(folder, os.W_OK):
            raise UserError(f"{folder} is not writable, so the packed array cannot be kept there; pass --cache DIR")
        with locked(folder / f".{name}.lock", wait=True):
            images = kept()  # another process may have made it while we waited
            if images is None:
                record.unlink(missing_ok=True)
                _pack(paths, array, resize)
                write_json(record, made_from)
                images = np.load(array, mmap_mode="r")
    return images


def _pack(paths: list[Path], target: Path, resize: int | None) -> None:
    def decode(path: Path) -> np.ndarray:
        image = read_rgb(path)
        if resize is None:
            return np.asarray(image)
        width, height = resized(image.size, resize)
        if width * height > max(MOST_PIXELS, 4 * resize**2):
            raise UserError(f"{path} would have {width}×{height} pixels on the way to {resize}×{resize}, which takes "
                            "gigabytes; crop it, or pass a smaller --resize")
        return np.asarray(resize_and_crop(image, resize))

    shape = packed_shape(paths, resize)
    size = math.prod(shape)
    partial = target.with_name(f".{target.name}.tmp")
    partial.unlink(missing_ok=True)  # of a run that was killed: its space is free
    free = shutil.disk_usage(target.parent).free
    if size + 4096 > free:
        raise UserError(f"{target} needs {human_bytes(size)}, but only {human_bytes(free)} are free there; free some "
                        "space, pass --cache DIR on another disk, or --resize to a smaller size")
    try:
        with errors_name(target):
            images = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
            if hasattr(os, "posix_fallocate"):  # take the space now: a full disk under a memory map kills the process
                with open(partial, "r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        queue = iter(enumerate(paths))
        progress = Progress(len(paths), f"packing into {target}", "images")
        with ThreadPoolExecutor(usable_cpus()) as pool, progress:
            while chunk := list(islice(queue, IMAGES_AN_UPDATE)):
                for (i, path), image in zip(chunk, pool.map(decode, [path for _, path in chunk]), strict=True):
                    if image.shape != shape[1:]:
                        raise UserError(
                            f"images of different sizes: {paths[0].name} is {shape[2]}×{shape[1]}, {path} "
                            f"is {image.shape[1]}×{image.shape[0]}; pass --resize 96 to bring all to one size")
                    images[i] = image
                progress.update(len(chunk))
        images.flush()
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def main() -> None:
    p = parser("python -m datasets.packed", __doc__)
    p.add_argument("folder", help="image folder")
    p.add_argument("--resize", type=positive_int, help="bring every image to a square of this many pixels")
    p.add_argument("--cache", help="where to keep the array, if not in the folder itself")
    args = p.parse_args()
    images = packed_images(args.folder, args.resize, args.cache)
    print(f"{len(images)} images of {images.shape[2]}×{images.shape[1]} pixels, {human_bytes(images.nbytes)}, packed "
          f"in {args.cache or args.folder}")


if __name__ == "__main__":
    run(main)
