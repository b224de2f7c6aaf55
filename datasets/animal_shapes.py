"""Real labelled images without a download: 10,000 animal silhouettes that arrive with `pip install`.

    python -m datasets.animal_shapes --output data/animal_shapes

Animal-Shape-MNIST (PyPI `animal-shape-mnist`, MIT licence): outlines of animals, 28×28 grey, ten species. Written as
train/<species>/ and val/<species>/ PNG files. Exact repeats are dropped first, so that no val image is in train. The
package stores pickles, which are read here with everything but NumPy arrays forbidden; its own code is never run.
"""

import gzip
import io
import os
import pickle
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datasets.image_folders.record import RECORD, make_record, record_of
from utils.cli import UserError, parser, run
from utils.files import write_bytes, write_json
from utils.seeding import generator, stable_key

SPECIES = ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra")
VAL_SHARE = 0.2


class _ArrayUnpickler(pickle.Unpickler):
    """Reads pickled NumPy arrays and refuses everything else, so that a tampered file cannot run code."""

    ALLOWED = frozenset({"_reconstruct", "ndarray", "dtype"})

    def find_class(self, module: str, name: str) -> Any:
        if module not in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") or name not in self.ALLOWED:
            raise UserError(f"the animal-shape-mnist package holds {module}.{name} where only arrays belong; "
                            "install it again")
        return np._core.multiarray._reconstruct if name == "_reconstruct" else getattr(np, name)


def load_animal_shapes() -> tuple[np.ndarray, np.ndarray]:
    """Unique silhouettes uint8 [N, 28, 28] and labels int64 [N] into SPECIES, in the package's order.

    Raises UserError if the package is not installed or its files are not what they were.
    """
    try:
        package = distribution("animal-shape-mnist")
    except PackageNotFoundError:
        raise UserError("the package animal-shape-mnist is missing; pip install animal-shape-mnist") from None
    images, labels = (
        _ArrayUnpickler(io.BytesIO(gzip.decompress(Path(str(package.locate_file(
            f"animal_shape_mnist/data/Animal Shape/animal_{part}_version_3.gz"))).read_bytes()))).load()
        for part in ("data", "label"))
    images, labels = images.reshape(-1, 28, 28).astype(np.uint8), labels.reshape(-1).astype(np.int64)
    if len(images) != len(labels) or set(labels.tolist()) != set(range(len(SPECIES))):
        raise UserError("the animal-shape-mnist package holds other data than version 0.39; install that version")
    _, first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)
    keep = np.sort(first)
    return images[keep], labels[keep]


def write_animal_shapes(root: Path | str, seed: int = 0) -> dict[str, int]:
    """Write the silhouettes under `root`, a seeded fifth of each species as val; returns the counts.

    Does nothing if it was done before. Raises UserError if `root` holds something else, or a split of another seed.
    """
    root = Path(root)
    images, labels = load_animal_shapes()
    val = np.zeros(len(images), bool)
    for species in range(len(SPECIES)):
        members = generator(stable_key("animal_shapes", seed), species).permutation(np.flatnonzero(labels == species))
        val[members[: round(VAL_SHARE * len(members))]] = True
    counts = {"train": int((~val).sum()), "val": int(val.sum())}
    record = make_record("animal_shapes", "PyPI animal-shape-mnist (MIT)", counts, seed=seed)
    if root.is_file():
        raise UserError(f"{root} is a file; choose another --output")
    if root.is_dir() and any(root.iterdir()):
        found = record_of(root)
        if any(found.get(key) != record[key] for key in ("name", "source", "counts", "seed")):
            raise UserError(f"{root} holds other files, or a split of another --seed; choose another --output")
        return counts
    partial = root.absolute().with_name(f".{root.absolute().name}.partial")  # takes its name when it is complete
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = partial / ("val" if val[i] else "train") / SPECIES[label]
        folder.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        write_bytes(folder / f"{i:05d}.png", data.getvalue(), durable=False)
    write_json(partial / RECORD, record)
    os.replace(partial, root)
    return counts


def main() -> None:
    p = parser("python -m datasets.animal_shapes", __doc__)
    p.add_argument("--output", default="data/animal_shapes", help="folder to write")
    p.add_argument("--seed", type=int, default=0, help="seed that decides which silhouettes are val")
    args = p.parse_args()
    counts = write_animal_shapes(args.output, args.seed)
    print(f"{args.output}: {counts['train']} train and {counts['val']} val silhouettes of {len(SPECIES)} species")


if __name__ == "__main__":
    run(main)
