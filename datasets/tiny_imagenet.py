"""Tiny-ImageNet as an image folder: 200 classes of ImageNet, or every second one, at 64×64 pixels.

    python -m datasets.small_photos tiny_imagenet
    python -m datasets.small_photos tiny_imagenet --classes 100 --archive tiny-imagenet-200.zip

The archive is that of Stanford's course CS231n (Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015): for
each class 500 training and 50 labelled validation images, and a test set without labels, which is left out. Files are
copied as they are. The photos are ImageNet's and come under its terms: for non-commercial research and education only,
and not to be passed on.
"""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

from datasets.download import WrongFile, download_checked
from datasets.image_folders.folder import list_images
from datasets.image_folders.record import RECORD, make_record
from datasets.imagenet.imagenet100 import place
from datasets.unzip import unzip
from utils.cli import UserError
from utils.files import locked, read_record, write_bytes, write_json
from utils.progress import Progress

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIZE, MD5 = 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"  # of the archive
MEMBERS, UNPACKED = 200_000, 2 << 30  # more than it holds: files and folders, and bytes
ALL = 200  # classes
COUNTS = {"train": 500, "val": 50}  # images of a class


def name_of(classes: int) -> str:
    """What tables call the set with so many classes."""
    return "tiny_imagenet" if classes == ALL else f"tiny_imagenet-{classes}"


def write_tiny_imagenet(root: Path | str, classes: int = ALL, archive: Path | None = None) -> None:
    """Make `root` hold train/<wnid>/ and val/<wnid>/ of all classes, or of every (200 / classes)-th of the sorted list.

    archive: the published zip file; without it, it is downloaded to `root`/download, and stays there. A stopped run
    goes on where it was: a split appears under its name when it is whole, the record (with the names of the classes)
    after both. An archive that lists fewer images than the published one gives a warning on stderr and a record with
    complete false. Raises UserError if the archive cannot be had, is another file or lacks images that it lists, or if
    `root` holds something else, such as the beginning of other classes, or is being written by someone else.
    """
    root, name = Path(root), name_of(classes)
    record, download = root / RECORD, root / "download"
    if record.exists() and read_record(record).get("name") == name:
        return  # also where the download has been removed to make room
    if root.is_dir() and any(root.iterdir()) and (record.exists() or not download.exists()):
        raise UserError(f"{root} holds other files; choose another --output")
    if archive is not None and not archive.is_file():
        raise UserError(f"there is no file {archive}; leave --archive out to have it downloaded")
    download.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock", f"{root} is being written by another process; wait for it"):
        source = {"archive": archive.name} if archive else fetched(download / "tiny-imagenet-200.zip")
        content = download / "content"
        unzip(archive or download / "tiny-imagenet-200.zip", content, MEMBERS, UNPACKED)
        splits, names = labelled(content, classes)
        for split, files in splits.items():
            copy_split(root, split, files)
        counts = {split: len(files) for split, files in splits.items()}
        published = {split: classes * count for split, count in COUNTS.items()}
        if counts != published:
            found = ", ".join(f"{counts[split]:,} of {published[split]:,} {split} images" for split in COUNTS)
            print(f"warning: the archive is not all of Tiny-ImageNet: {found}, {len(names)} of {classes} classes",
                  file=sys.stderr)
        write_json(record, make_record(name, "Tiny-ImageNet", counts, counts == published, classes=names, **source))
        shutil.rmtree(content)


def fetched(path: Path) -> dict[str, Any]:
    """Have the archive at `path`; where it came from, with size and sha256. Raises UserError, and removes the file, if
    it is another one."""
    source = download_checked([URL], path, SIZE)
    with open(path, "rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != MD5:
        path.unlink()
        raise WrongFile(f"{URL} gave a file that is not the published archive, which was removed; run the same command "
                        "again, or pass the archive from elsewhere as --archive")
    return source


def labelled(content: Path, classes: int) -> tuple[dict[str, dict[str, Path]], dict[str, str]]:
    """The files of each split by the name that they get, wnid/file, and the names of the classes by wnid.

    Raises UserError for an archive of another layout, and for a class or an image that it lists and does not hold.
    """
    homes = [path.parent for path in sorted(content.glob("**/wnids.txt"))]
    if not homes or not (homes[0] / "val/val_annotations.txt").is_file():
        raise UserError(f"{content} holds no wnids.txt with val/val_annotations.txt: the archive is not Tiny-ImageNet; "
                        "remove the folder and pass another --archive")
    home = homes[0]
    wnids = (home / "wnids.txt").read_text(errors="replace").split()
    chosen = sorted(filter(str.isalnum, wnids))[:: ALL // classes]  # what else is there could leave the folder
    if not chosen:
        raise UserError(f"{home / 'wnids.txt'} names no classes: the archive is not Tiny-ImageNet; remove {content} "
                        "and pass another --archive")
    splits: dict[str, dict[str, Path]] = {"train": {}, "val": {}}
    for wnid in chosen:
        folder = home / "train" / wnid / "images"
        splits["train"] |= {f"{wnid}/{path.name}": path for path in (list_images(folder) if folder.is_dir() else ())}
    for file, wnid in columns(home / "val/val_annotations.txt"):
        if wnid in chosen and "/" not in file:
            splits["val"][f"{wnid}/{file}"] = home / "val/images" / file
    for split, files in splits.items():
        absent = sorted({*chosen} - {name.partition("/")[0] for name in files})
        absent += [str(path) for path in files.values() if not path.is_file()]
        if absent:
            raise UserError(f"the archive lacks {split} images that it should hold: {absent[0]} (one of {len(absent)});"
                            f" remove {content} and pass another --archive")
    words = dict(columns(home / "words.txt"))
    return splits, {wnid: words.get(wnid, "") for wnid in chosen}


def columns(path: Path) -> list[tuple[str, str]]:
    """The first two columns of a table with tabs; none of a file that is not there."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return [(cells[0], cells[1]) for cells in (line.split("\t") for line in lines) if len(cells) > 1]


def copy_split(root: Path, split: str, files: dict[str, Path]) -> None:
    """Copy what is missing of a split, and give it its name when it is whole. Raises UserError for one that was begun
    with other classes."""
    folder = place(root, split)
    if folder.is_dir() and {path.name for path in folder.iterdir()} - {name.partition("/")[0] for name in files}:
        raise UserError(f"{folder} was begun with other classes; remove it, or choose another --output")
    with Progress(len(files), f"writing {root / split}", "images") as progress:
        for name, source in files.items():
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, source.read_bytes(), durable=False)
            progress.update(1)
    folder.rename(root / split)
