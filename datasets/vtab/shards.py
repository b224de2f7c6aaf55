"""VTAB from tar shards, as the CLIP benchmark publishes them: `<split>/nshards.txt` and `<split>/0.tar`, `1.tar`, ...

A shard holds for each image two files, `<key>.jpg` (or .png, .webp) and `<key>.cls`, the label as text. It is read with
the standard library, in order, and nothing of it is unpacked by its own name. Without a folder of shards they are
downloaded one at a time. VTAB_SHARDS_URL names another server than huggingface.co/datasets/clip-benchmark.
"""

import functools
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.download import download
from datasets.vtab.images import LabelledImage, Part
from datasets.vtab.tasks import OUR_SEED, VtabTask
from utils.cli import UserError
from utils.seeding import permutation, stable_key

SERVER = "https://huggingface.co/datasets/clip-benchmark"
EXTENSIONS = ("jpg", "png", "webp")
SPLITS = {"train": "train", "test": "val"}  # there and here


def parts(task: VtabTask, source: Path | None, downloads: Path, partial: bool) -> Iterator[Part]:
    """The shards of `task` in `source` (None: downloaded to `downloads`, and removed after use), one part each.

    `partial` passes over shards that are not there. Raises UserError for shards that are missing or cut off, and for
    members that are not images with labels of the task; the line names shard and member.
    """
    address = f"{os.environ.get('VTAB_SHARDS_URL', SERVER).rstrip('/')}/{task.repository}/resolve/main"
    if source is not None and (source / task.repository).is_dir():
        source = source / task.repository
    for split in ("test",) if task.unsplit else SPLITS:
        count_file = (source or downloads) / split / "nshards.txt"
        if source is None:
            download(f"{address}/{split}/nshards.txt", count_file)
        for number in range(_count(count_file)):
            name = f"{split}/{number}.tar"
            if source is None:
                yield name, _downloaded(task, f"{address}/{name}", downloads / name, split)
            elif (source / name).exists():
                yield name, read_shard(task, source / name, split)
            elif not partial:
                raise UserError(f"{source / name} is not there, but {count_file.name} counts it; fetch it, or take "
                                "what there is with --partial")


def _count(path: Path) -> int:
    """The number of shards, from nshards.txt."""
    try:
        return int(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is not there: shards are expected as train/nshards.txt, train/0.tar, ..., test/0.tar; "
                        "give their folder as --source, or leave it out to download them") from None
    except ValueError:
        raise UserError(f"{path} does not hold the number of shards; fetch it again") from None


def _downloaded(task: VtabTask, url: str, path: Path, split: str) -> Iterator[LabelledImage]:
    download(url, path)
    yield from read_shard(task, path, split)
    path.unlink()


def read_shard(task: VtabTask, path: Path, split: str) -> Iterator[LabelledImage]:
    """The images of one shard of `split` ('train' or 'test'), in order, with the classes of `task`.

    Raises UserError naming the shard, and the member where there is one, if it is cut off or damaged, if a member is
    no plain file or has a path for a name, if an image has no label or the reverse, or a label that the task has not.
    """
    try:
        for key, members in _samples(path):
            images = [extension for extension in members if extension in EXTENSIONS]
            if len(images) != 1 or "cls" not in members:
                lacks = "label (.cls)" if "cls" not in members else f"image (.{', .'.join(EXTENSIONS)})"
                if len(images) > 1:
                    raise UserError(f"{path}: {key} has {len(images)} images; fetch the shard again")
                raise UserError(f"{path}: {key} has no {lacks}; fetch the shard again")
            where, digits = f"{path}: {key}.cls", members["cls"].strip()
            if not digits.isdigit() or len(digits) > 9:  # int() also takes 0_3 for a number
                raise UserError(f"{where} holds {members['cls'][:40]!r} instead of a label; fetch the shard again")
            yield LabelledImage(_ours(task, path, key) if task.unsplit else SPLITS[split], key,
                                task.label(int(digits), where), images[0], members[images[0]])
    except tarfile.TarError as error:
        raise UserError(f"{path} is cut off or damaged ({error}); fetch it again") from None


def _samples(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The members of a shard by key: (key, extension -> bytes). Those of one key follow one another."""
    key, members, last = "", {}, ""
    with tarfile.open(path, "r:") as shard:
        for member in shard:
            last = member.name
            if not member.isfile():
                raise UserError(f"{path}: {last} is a link, folder or device, not a plain file; fetch the shard again")
            this, _, extension = last.partition(".")
            if not this or "/" in last or "\\" in last:
                raise UserError(f"{path}: {last} has a path for a name, which could leave the folder; fetch the shard "
                                "again")
            if this != key and members:
                yield key, members
                members = {}
            key = this
            if extension in members:
                raise UserError(f"{path}: {last} is there twice; fetch the shard again")
            members[extension] = shard.extractfile(member).read()  # type: ignore[union-attr]
        # At a damaged header, or without any, tarfile stops in silence; an archive ends with two empty blocks.
        shard.fileobj.seek(shard.offset)  # type: ignore[union-attr]
        if shard.fileobj.read(1024) != bytes(1024):  # type: ignore[union-attr]
            raise tarfile.ReadError(f"it ends after {last}" if last else "it holds nothing")
    if members:
        yield key, members


def _ours(task: VtabTask, path: Path, key: str) -> str:
    """The split of an image where the shards have none, decided by its number, which is its key."""
    number = int(key[1:]) if re.fullmatch(r"s\d{7}", key) else task.unsplit
    if number >= task.unsplit:
        raise UserError(f"{path}: {key} is not a key of {task.repository}, which has s0000000 to "
                        f"s{task.unsplit - 1:07d}; fetch the shard again")
    return "val" if _our_val(task)[number] else "train"


@functools.cache
def _our_val(task: VtabTask) -> np.ndarray:
    """Which images are val: bool [unsplit], as many as VTAB tests on."""
    order = permutation(stable_key("vtab split", task.name, OUR_SEED), 0, task.unsplit)
    return np.isin(np.arange(task.unsplit), order[:task.test])
