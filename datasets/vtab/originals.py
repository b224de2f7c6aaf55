"""VTAB from the files of the datasets' authors: smallNORB, dSprites and CLEVR. `--source` is the folder they lie in.

smallNORB (LeCun et al. 2004): the -dat, -cat and -info files of training and testing, .mat (not MATLAB's) or .mat.gz.
    The left image of each pair. Azimuth is info's third number / 2 (0 to 17), elevation its second (0 to 8).
dSprites (Matthey et al. 2017): dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz. Binary images, times 255.
CLEVR (Johnson et al. 2017): CLEVR_v1.0, that is images/{train,val}/*.png and scenes/CLEVR_{train,val}_scenes.json.

All are read as streams but CLEVR's scenes, which take about 2 GB of memory.
"""

import gzip
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial as bound
from pathlib import Path
from typing import BinaryIO

import numpy as np

from datasets.vtab.images import LabelledImage, Part, png
from datasets.vtab.tasks import OUR_SEED, VtabTask
from utils.cli import UserError
from utils.seeding import permutation, stable_key

NORB_TYPES = {0x1E3D4C55: np.dtype(np.uint8), 0x1E3D4C54: np.dtype("<i4")}  # by magic number
DISTANCES = np.array([0, 8, 8.5, 9, 9.5, 10, 100], np.float32)  # class i of clevr_distance lies above number i


def parts(task: VtabTask, source: Path | None, downloads: Path, partial: bool) -> Iterator[Part]:
    """The images of `task` from the files in `source`.

    Raises UserError if they are not there, are cut off or damaged, or hold a label that the task has not.
    """
    if source is None:
        raise UserError(f"{task.name} by --route originals reads files that are here already: give their folder as "
                        "--source, or take --route shards")
    if task.name.startswith("smallnorb"):
        yield "training", _smallnorb(task, source, "training")
        yield "testing", _smallnorb(task, source, "testing")
    elif task.name.startswith("dsprites"):
        yield "all", _dsprites(task, source)
    else:
        yield "train", _clevr(task, source, "train")
        yield "val", _clevr(task, source, "val")


def _one(source: Path, pattern: str) -> Path:
    """The file in `source` of that name. Raises UserError if there is none, or more than one."""
    found = sorted(source.glob(pattern))
    if len(found) != 1:
        raise UserError(f"{source} has {len(found) or 'no'} files {pattern}, and one is needed; give the folder of the "
                        "original files as --source")
    return found[0]


def _take(file: BinaryIO, count: int, path: Path) -> bytes:
    """The next `count` bytes. Raises UserError if there are fewer, or the compressed data is damaged."""
    try:
        data = file.read(count)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}); fetch it again") from None
    if len(data) != count:
        raise UserError(f"{path} is cut off; fetch it again")
    return data


def _norb_header(file: BinaryIO, path: Path) -> tuple[np.dtype, list[int]]:
    """Type and shape of a NORB file: a magic number, the number of dimensions, and these, but at least three."""
    magic, dimensions = np.frombuffer(_take(file, 8, path), "<u4").tolist()
    if magic not in NORB_TYPES or not 1 <= dimensions <= 4:
        raise UserError(f"{path} is not a NORB file of bytes or integers (it begins with {magic:#x}); fetch it again")
    shape = np.frombuffer(_take(file, 4 * max(3, dimensions), path), "<u4").tolist()[:dimensions]
    if math.prod(shape) >= 1 << 32:
        raise UserError(f"{path} is damaged (it says that its shape is {shape}); fetch it again")
    return NORB_TYPES[magic], shape


def _open(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]


def _norb_array(path: Path) -> np.ndarray:
    """A whole NORB file."""
    with _open(path) as file:
        kind, shape = _norb_header(file, path)
        return np.frombuffer(_take(file, kind.itemsize * math.prod(shape), path), kind).reshape(shape)


def _smallnorb(task: VtabTask, source: Path, official: str) -> Iterator[LabelledImage]:
    """The images of an official split ('training' or 'testing'); VTAB's test set is the second half of testing."""
    dat, cat, info = (_one(source, f"smallnorb-*-{official}-{kind}.mat*") for kind in ("dat", "cat", "info"))
    column = {"smallnorb_elevation": 1, "smallnorb_azimuth": 2}[task.name]
    attributes = _norb_array(info)
    if attributes.ndim != 2 or attributes.shape[1] != 4 or len(_norb_array(cat)) != len(attributes):
        raise UserError(f"{info} and {cat.name} do not describe the same images; fetch both again")
    labels = attributes[:, column] // (2 if task.name == "smallnorb_azimuth" else 1)
    with _open(dat) as file:
        kind, shape = _norb_header(file, dat)
        if kind != np.uint8 or shape[0] != len(labels) or len(shape) != 4 or shape[1] != 2:
            raise UserError(f"{dat} has shape {shape}, not {len(labels)} pairs of images; fetch it again")
        for i, native in enumerate(labels.tolist()):
            pair = np.frombuffer(_take(file, math.prod(shape[1:]), dat), np.uint8).reshape(shape[1:])
            split = "val" if official == "testing" and i >= len(labels) // 2 else "train"
            yield LabelledImage(split, f"{official}_{i:05d}", task.label(native, f"{info}: image {i}"), "png",
                                bound(png, pair[0]))


def _dsprites(task: VtabTask, source: Path) -> Iterator[LabelledImage]:
    """All sprites; a tenth, drawn by us, is val. Uncompressed they are 3 GB, so they are read one by one."""
    path = _one(source, "dsprites_ndarray_*.npz")
    column = {"dsprites_orientation": 3, "dsprites_location": 4}[task.name]  # after colour, shape, scale
    try:
        with open(path, "rb") as whole, np.load(whole) as arrays:  # allow_pickle is off: nothing of the file is run
            labels = arrays["latents_classes"][:, column]
        with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, kind = header(file)
            if fortran or kind != np.uint8 or len(shape) != 3 or shape[0] != len(labels):
                raise UserError(f"{path} holds {kind} images of shape {shape} and {len(labels)} labels; fetch it again")
            order = permutation(stable_key("vtab split", "dsprites", OUR_SEED), 0, len(labels))
            val = np.isin(np.arange(len(labels)), order[len(labels) * 9 // 10:])
            for i, native in enumerate(labels.tolist()):
                image = np.frombuffer(_take(file, math.prod(shape[1:]), path), np.uint8).reshape(shape[1:])
                yield LabelledImage("val" if val[i] else "train", f"{i:06d}", task.label(native, f"{path}: image {i}"),
                                    "png", bound(png, image * np.uint8(255)))
    except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is not dSprites' file, or is damaged ({error}); fetch it again") from None


def _clevr(task: VtabTask, source: Path, official: str) -> Iterator[LabelledImage]:
    """The images of an official split ('train' or 'val', VTAB's trainval and test)."""
    root = source / "CLEVR_v1.0" if (source / "CLEVR_v1.0").is_dir() else source
    path = root / "scenes" / f"CLEVR_{official}_scenes.json"
    try:
        scenes = json.loads(path.read_bytes())["scenes"]
        labels = [(Path(scene["image_filename"]).name, clevr_label(task, scene["objects"])) for scene in scenes]
    except FileNotFoundError:
        raise UserError(f"{path} is not there; give the folder CLEVR_v1.0 as --source") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is damaged, or not CLEVR's ({error!r}); fetch it again") from None
    del scenes
    for name, native in labels:
        image = root / "images" / official / name
        yield LabelledImage(official, image.stem, task.label(native, f"{path}: {name}"), "png", image.read_bytes)


def clevr_label(task: VtabTask, objects: list[dict]) -> int:
    """The number of objects less 3, or the interval of DISTANCES that the smallest third pixel coordinate is in."""
    if task.name == "clevr_count":
        return len(objects) - 3
    nearest = np.float32(min(thing["pixel_coords"][2] for thing in objects))
    return int(np.searchsorted(DISTANCES, nearest, side="left")) - 1  # the last threshold below it
