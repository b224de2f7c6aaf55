"""The published arrays of CIFAR-10-C (Zenodo 2535967): a file for each corruption, and labels.npy.

    images, labels = published("CIFAR-10-C", "fog", severity=3)

`<corruption>.npy` is uint8 [50000, 32, 32, 3]: CIFAR-10's test images in their order at severity 1, then at 2, up to 5.
Labels number the classes alphabetically, as in a folder of class folders.
"""

from pathlib import Path

import numpy as np

from datasets.corruptions.severities import NAMES
from utils.cli import UserError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def available(folder: Path | str) -> list[str]:
    """The corruptions whose arrays are in `folder`, in the order of NAMES. Raises UserError if there is none."""
    found = [name for name in NAMES if Path(folder, f"{name}.npy").is_file()]
    if not found:
        raise UserError(f"{folder} has no arrays of CIFAR-10-C, such as {NAMES[0]}.npy; unpack CIFAR-10-C.tar and pass "
                        "its folder")
    return found


def published(folder: Path | str, name: str, severity: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, H, W, 3] of one corruption at one severity, a memory map, and their labels int64 [N].

    Raises UserError for a file that is missing, damaged, or not of that shape.
    """
    images, labels = (_array(Path(folder, f"{file}.npy")) for file in (name, "labels"))
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not len(images) or len(images) % 5:
        raise UserError(f"{Path(folder, f'{name}.npy')} is {images.dtype} {list(images.shape)}, not the uint8 "
                        "[50000, 32, 32, 3] of CIFAR-10-C; download it again")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise UserError(f"{Path(folder, 'labels.npy')} is {labels.dtype} {list(labels.shape)}, and {name}.npy holds "
                        f"{len(images)} images; download it again")
    count = len(images) // 5
    rows = slice((severity - 1) * count, severity * count)
    return images[rows], np.asarray(labels[rows], np.int64)


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise UserError(f"{path} is not there; unpack CIFAR-10-C.tar and pass its folder") from None
    except (ValueError, EOFError, OSError):
        raise UserError(f"{path} is not an array of numbers, or was cut short; download it again") from None
