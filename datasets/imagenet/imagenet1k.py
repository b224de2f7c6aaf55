"""Reading a copy of ImageNet-1k (ILSVRC 2012) as people have it: which images there are of which class.

Images lie in train/<synset>/ and val/<synset>/, or in a flat val/ as it is published, with meta.mat and
ILSVRC2012_validation_ground_truth.txt of the development kit or with Kaggle's LOC_val_solution.csv beside it, or in
ILSVRC2012_devkit_t12/data/ below.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path

from scipy.io import loadmat

from datasets.image_folders.folder import EXTENSIONS
from utils.cli import UserError

SPLITS = ("train", "val")
LAYOUTS = ("", "Data/CLS-LOC", "ILSVRC/Data/CLS-LOC")  # the last two are Kaggle's
VAL_IMAGE = "ILSVRC2012_val_"
DEVKIT, META, TRUTH = "ILSVRC2012_devkit_t12/data", "meta.mat", "ILSVRC2012_validation_ground_truth.txt"
KAGGLE = "LOC_val_solution.csv"

Classes = dict[str, list[Path]]  # synset -> its images


def layout(source: Path) -> Path:
    """The folder below `source` that holds train and val. Raises UserError if there is none."""
    if not source.is_dir():
        raise UserError(f"{source} is not a folder; pass the folder of ImageNet-1k, which holds train/ and val/")
    for root in (source / below for below in LAYOUTS):
        if (root / "train").is_dir() and (root / "val").is_dir():
            return root
    raise UserError(f"{source} does not hold train/ and val/ (nor does {LAYOUTS[-1]}/ below it); "
                    "pass the folder of ImageNet-1k")


def list_folder(folder: Path) -> list[Path]:
    """The images in `folder` itself, by name; none if it is not there. Raises UserError for a link to nowhere."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as files:
        found = [file for file in files if file.name.lower().endswith(EXTENSIONS) and not file.name.startswith(".")]
    for file in found:
        if not file.is_file():
            raise UserError(f"{file.path} is no file, or a link to nowhere; restore or remove it")
    return sorted(Path(file.path) for file in found)


def find_images(source: Path, root: Path, synsets: Collection[str]) -> dict[str, Classes]:
    """The images of each of `synsets` (none for a class that is not there) in each split of the ImageNet in `root`.

    source: the folder that was named, in which labels of a flat val are looked for as well.

    Raises UserError for a flat val without labels, and for one where train should be.
    """
    if any(path.name.startswith(VAL_IMAGE) for path in list_folder(root / "train")):
        raise UserError(f"{root / 'train'} holds the images of val: the two are swapped; rename them")
    images = {split: {synset: list_folder(root / split / synset) for synset in synsets} for split in SPLITS}
    flat = list_folder(root / "val")
    if flat and not total(images["val"]):
        file, labels = val_labels(source, root)
        for path in flat:
            synset = labels.get(path.stem, "")
            if not re.fullmatch(r"n\d{8}", synset):
                raise UserError(f"{file} does not say of which class {path.name} is; it is cut off, or of other images")
            if synset in images["val"]:
                images["val"][synset].append(path)
    return images


def val_labels(source: Path, root: Path) -> tuple[Path, dict[str, str]]:
    """(the file that says so, image name without suffix -> synset) for the flat val of ImageNet.

    Raises UserError if there are no labels, or if meta.mat cannot be read.
    """
    for folder in (source, root, source / DEVKIT, root / DEVKIT):
        if (folder / KAGGLE).is_file():
            lines = (folder / KAGGLE).read_text(errors="replace").splitlines()
            # after ImageId,PredictionString such as ILSVRC2012_val_00048981,n03995372 85 1 499 272 (boxes)
            return folder / KAGGLE, {image: answer[:9] for image, _, answer in (line.partition(",") for line in lines)}
        if (folder / TRUTH).is_file() and (folder / META).is_file():
            synsets = read_meta(folder / META)
            numbers = (folder / TRUTH).read_text(errors="replace").split()  # line i is of image i, counted from 1
            return folder / TRUTH, {f"{VAL_IMAGE}{i:08d}": synsets.get(n, "") for i, n in enumerate(numbers, start=1)}
    raise UserError(f"{root / 'val'} has no class folders, so its labels are needed: put {TRUTH} and {META} of "
                    f"{DEVKIT.partition('/')[0]}.tar.gz, or Kaggle's {KAGGLE}, into {source}")


def read_meta(path: Path) -> dict[str, str]:
    """ILSVRC2012_ID -> synset of the development kit's meta.mat. The ids are in no order of the synsets, and those
    above 1000 are inner nodes of the hierarchy. Raises UserError if it cannot be read."""
    try:
        rows = loadmat(path, squeeze_me=True)["synsets"]
        return {str(int(row["ILSVRC2012_ID"])): str(row["WNID"]) for row in rows}
    except Exception as error:  # SciPy has no one error for a damaged file
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}); restore it from the development kit"
                        ) from None


def total(classes: Classes) -> int:
    return sum(map(len, classes.values()))
