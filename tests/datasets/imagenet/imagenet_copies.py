"""Small copies of ImageNet-1k in the published layouts: 100 classes and three that are not wanted."""

import functools
import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from datasets.image_folders.folder import labelled_images
from datasets.imagenet.imagenet100 import COUNTS, read_classes

WANTED = list(read_classes())
OTHERS = ["n01440764", "n02111889", "n15075141"]  # tench, Samoyed, toilet tissue: classes of ImageNet-1k only
TRAIN, VAL = 3, 2  # images of a class
DEVKIT = "ILSVRC2012_devkit_t12/data"


def jpeg(path: Path, number: int) -> None:
    """A grey 8×8 JPEG, of which no two have the same size and bytes within a class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), number * 37 % 256).save(path, "JPEG", comment=b"x" * number)


def make_train(root: Path) -> None:
    for synset in WANTED + OTHERS:
        for i in range(TRAIN):
            jpeg(root / f"train/{synset}/{synset}_{i}.JPEG", i)


def val_classes() -> list[str]:
    """The class of each val image, in the order of the images: mixed, as published."""
    classes = [synset for synset in WANTED + OTHERS for _ in range(VAL)]
    return [classes[i] for i in np.random.default_rng(0).permutation(len(classes))]


def val_name(i: int) -> str:
    return f"ILSVRC2012_val_{i:08d}.JPEG"


def flatten(root: Path) -> Path:
    """Moves the val images out of their class folders."""
    for path in list((root / "val").glob("*/*")):
        path.rename(root / "val" / path.name)
    for folder in list((root / "val").iterdir()):
        if folder.is_dir():
            folder.rmdir()
    return root


@functools.cache
def devkit() -> dict[str, bytes]:
    """meta.mat as published: 1,000 leaves, whose ids are in no order of the synsets, and 860 inner nodes after them."""
    rng = np.random.default_rng(1)
    rest = [f"n{number:08d}" for number in range(20_000_000, 20_000_000 + 1000 - len(WANTED + OTHERS))]
    leaves = [(WANTED + OTHERS + rest)[i] for i in rng.permutation(1000)]
    nodes = leaves + [f"n{number:08d}" for number in range(860)]
    fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height",
              "num_train_images"]
    synsets = np.empty((len(nodes), 1), dtype=[(field, object) for field in fields])
    for i, synset in enumerate(nodes):
        inner = i >= 1000
        synsets[i, 0] = (np.uint16(i + 1), synset, "name, other name", "a gloss", np.uint8(2 * inner),
                         np.array([1, 2], np.uint16)[:2 * inner], np.uint8(inner), np.uint16(0 if inner else 1300))
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    numbers = "".join(f"{leaves.index(synset) + 1}\n" for synset in val_classes())
    return {"meta.mat": meta.getvalue(), "ILSVRC2012_validation_ground_truth.txt": numbers.encode()}


def write_devkit(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in devkit().items():
        (folder / name).write_bytes(data)


def write_kaggle(folder: Path) -> None:
    """LOC_val_solution.csv: in no order, one box of five words for each object of the class."""
    lines = [f"{val_name(i)[:-5]},{f'{synset} 85 1 499 272 ' * (1 + i % 3)}"
             for i, synset in enumerate(val_classes(), start=1)]
    np.random.default_rng(2).shuffle(lines)
    (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "\n".join(lines) + "\n")


def state(folder: Path) -> dict[str, tuple]:
    """Every path below, the folder itself included, with what a change would change."""
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode, path.lstat().st_ino,
                        path.read_bytes() if path.is_file() else b"")
            for path in [folder, *folder.rglob("*")]}


def pictures(root: Path) -> dict[str, bytes]:
    """'split/synset/name' -> bytes, as a reader finds them."""
    return {"/".join(path.parts[-3:]): path.read_bytes()
            for split in COUNTS for path in labelled_images(root, split)[0]}


def expected(pristine: Path) -> dict[str, bytes]:
    return {name: data for name, data in pictures(pristine).items() if name.split("/")[1] in WANTED}
