"""The folder of ImageNet-100: which classes and images it has, and what there is to link or copy.

A split appears under its name when it is whole; `python -m datasets.imagenet --help` says what is written.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets.image_folders.record import RECORD, make_record
from datasets.image_folders.writer import nearest
from datasets.imagenet.imagenet1k import Classes, find_images, layout, total
from utils.cli import UserError
from utils.files import atomic_open, human_bytes, locked, read_json, write_json
from utils.progress import Progress

CLASSES = Path(__file__).with_suffix(".txt")
CLASSES_SHA256 = "5ee5db69d488bb799a286d8e181801c3d02798776c1ce9203e5450f64e086e07"  # of the sorted ids, one a line
COUNTS = {"train": 126_689, "val": 5_000}  # images of the full set
PER_CLASS = {"train": range(732, 1301), "val": range(50, 51)}  # images of the smallest and largest ImageNet class


def write_imagenet100(source: Path | str, output: Path | str, copy: bool = False) -> tuple[dict[str, Any], bool]:
    """Make `output` hold the 100 classes of the ImageNet-1k in `source`, as links or copies.

    Returns (record, whether there was anything to do). A split appears under its name when it is whole, the record
    (with classes_sha256 and files: 'links' or 'copies') after both. A stopped run
    goes on where it was. A `source` that has all classes but not all images gives a warning on stderr and a record with
    complete false. Raises UserError, before anything is written, if `source` lacks a class, if its train and val are
    swapped, if a flat val is without labels, if one of the folders lies in the other, or if `output` holds anything
    else, such as links into another ImageNet or ones that lead nowhere.
    """
    source, output = Path(os.path.realpath(source)), Path(output)
    kind = "copies" if copy else "links"
    check_links(output)
    root = layout(source)
    check_apart(output, [source, root / "train", root / "val"])
    images = find_images(source, root, read_classes())
    check_classes(root, images)
    lacking = differences(images)
    record = make_record("imagenet100", "ImageNet-1k", {split: total(classes) for split, classes in images.items()},
                         complete=not lacking, family="imagenet100", classes_sha256=CLASSES_SHA256, files=kind)
    wanted = {split: entries(classes, copy) for split, classes in images.items()}
    check_record(output, record)
    todo = {split: missing(output, split, wanted[split], copy) for split in wanted}
    if lacking:
        print(f"warning: {source} is not all of ImageNet: {lacking}", file=sys.stderr)
    if not any(todo.values()) and (output / RECORD).exists() and read_json(output / RECORD) == record:
        return record, False
    if copy:
        check_space(output, [path for absent in todo.values() for path in absent.values()])
    output.mkdir(parents=True, exist_ok=True)
    with locked(output / ".lock", f"{output} is being written by another process; wait for it"):
        todo = {split: missing(output, split, wanted[split], copy) for split in wanted}  # another may just have left
        for split, absent in todo.items():
            folder, count = place(output, split), len(wanted[split])
            for partial in folder.glob("*/.*.tmp") if copy else ():  # of a run that was killed
                partial.unlink()
            with Progress(count, f"{output / split}", kind, done=count - len(absent)) as progress:
                for name, path in absent.items():
                    make(folder / name, path, copy)
                    progress.update(1)
            folder.rename(output / split)
        write_json(output / RECORD, record)
    return record, True


def read_classes() -> dict[str, str]:
    """The 100 synsets, id -> name, sorted by id. Raises UserError if they are not the published ones."""
    names = {synset: name for synset, _, name in (line.partition(" ") for line in CLASSES.read_text().splitlines())}
    if hashlib.sha256("".join(f"{synset}\n" for synset in names).encode()).hexdigest() != CLASSES_SHA256:
        raise UserError(f"{CLASSES} is not the published list of classes; restore it from the repository")
    return names


def check_apart(output: Path, sources: list[Path]) -> None:
    """Raises UserError if `output` is, holds, or lies in one of `sources`: ImageNet itself must stay as it is."""
    here = Path(os.path.realpath(output))
    for there in (Path(os.path.realpath(source)) for source in sources):
        if here == there or here in there.parents or there in here.parents:
            raise UserError(f"{output} and {there} are one folder, or one lies in the other; "
                            "choose a folder apart from ImageNet")


def check_classes(root: Path, images: dict[str, Classes]) -> None:
    """Raises UserError that lists the classes without images, or says that train and val are swapped."""
    names = read_classes()
    absent = {split: [synset for synset in names if not classes[synset]] for split, classes in images.items()}
    if any(absent.values()):
        said = (f"{split}/ lacks " + ("all 100" if len(synsets) == len(names) else
                                      ", ".join(f"{synset} ({names[synset]})" for synset in synsets))
                for split, synsets in absent.items() if synsets)
        raise UserError(f"{root} lacks classes of ImageNet-100, or their images: {'; '.join(said)}; add them")
    if total(images["val"]) > total(images["train"]):
        raise UserError(f"{root / 'val'} holds more images of the 100 classes ({total(images['val']):,}) than "
                        f"{root / 'train'} ({total(images['train']):,}): the two are swapped; rename them")


def differences(images: dict[str, Classes]) -> str:
    """How `images` differ from the full set, in words; empty if they do not."""
    names = read_classes()
    odd = [f"{len(paths):,} {split} of {synset} ({names[synset]})" for split, classes in images.items()
           for synset, paths in classes.items() if len(paths) not in PER_CLASS[split]]
    if not odd and all(total(classes) == COUNTS[split] for split, classes in images.items()):
        return ""
    counted = " and ".join(f"{total(classes):,} of {COUNTS[split]:,} {split} images"
                           for split, classes in images.items())
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    return f"{counted} of the 100 classes; unusual: {', '.join(odd[:3]) or 'no class by itself'}{more}"


def entries(classes: Classes, copy: bool) -> dict[str, Path]:
    """The files of a split: name below it -> what is linked or copied there.

    A class folder is linked as it is: 100 links, made at once. Copies, and the links of a flat val, are of images.
    """
    made: dict[str, Path] = {}
    for synset, paths in classes.items():
        folder = paths[0].parent
        made |= {f"{synset}/{path.name}": path for path in paths} if copy or folder.name != synset else {synset: folder}
    return made


def place(output: Path, split: str) -> Path:
    """Where the split is, or is being made: until it is whole its name is hidden, so that nothing reads it."""
    return output / split if os.path.lexists(output / split) else output / f".{split}"


def existing(folder: Path) -> Iterator[Path]:
    """Files and links below `folder`, but no hidden ones, which may be half-written. Links are not followed."""
    for parent, folders, files in os.walk(folder):
        yield from (path for path in (Path(parent, name) for name in folders) if path.is_symlink())
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def check_links(output: Path) -> None:
    """Raises UserError that names a link in `output` that leads nowhere: ImageNet was moved."""
    broken = [path for split in COUNTS for path in existing(place(output, split))
              if path.is_symlink() and not path.exists()]
    if broken:
        raise UserError(f"{broken[0]} leads to {os.readlink(broken[0])}, which is not there (one of {len(broken)} such "
                        f"links); if ImageNet was moved, move it back, or remove {output} and run this again")


def check_record(output: Path, record: dict[str, Any]) -> None:
    """Raises UserError if `output` is something else than this ImageNet-100, or the beginning of one."""
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; choose another folder")
    if (output / RECORD).exists():
        before = read_json(output / RECORD)
        # Whether it is of links or copies shows in the files themselves; the counts may have grown.
        if not isinstance(before, dict) or any(before.get(key) != record[key] for key in ("name", "classes_sha256")):
            raise UserError(f"{output} holds another dataset; choose another folder")
    elif output.is_dir() and any(name not in COUNTS and not name.startswith(".") for name in os.listdir(output)):
        raise UserError(f"{output} holds other files; choose another folder")


def missing(output: Path, split: str, wanted: dict[str, Path], copy: bool) -> dict[str, Path]:
    """What of `wanted` is not there yet. Raises UserError if something else is there."""
    folder = place(output, split)
    absent = dict(wanted)
    for path in [folder] if folder.is_symlink() else existing(folder):
        source = absent.pop(path.relative_to(folder).as_posix(), None)
        if path.is_symlink() == copy:
            raise UserError(f"{path} is {'a' if copy else 'no'} link: this was made {'without' if copy else 'with'} "
                            "--copy, or not by this command; choose another folder")
        if copy and (source is None or path.stat().st_size != source.stat().st_size):
            raise UserError(f"{path} is not an image of this ImageNet; choose another folder")
        if not copy and os.readlink(path) != str(source):
            raise UserError(f"{path} leads to {os.readlink(path)}, not into this ImageNet; choose another folder")
    return absent


def check_space(output: Path, paths: list[Path]) -> None:
    """Raises UserError if copies of `paths` do not fit on the disk of `output`."""
    need, free = sum(path.stat().st_size for path in paths), shutil.disk_usage(nearest(output)).free
    if need > free:
        raise UserError(f"{output} needs {human_bytes(need)} for {len(paths):,} copies, but {human_bytes(free)} are "
                        "free; make room, or leave --copy out to make links")


def make(path: Path, source: Path, copy: bool) -> None:
    """Make `path` a copy of the file `source`, whole or not at all, or a link to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        with open(source, "rb") as original, atomic_open(path, durable=False) as file:
            shutil.copyfileobj(original, file)
        return
    try:
        path.symlink_to(source)
    except OSError as error:
        raise UserError(f"{path} cannot be made a link ({error.strerror}); pass --copy, or a folder on another disk"
                        ) from None
