"""Writing shards: each of a thousand images, whole or not at all, the same bytes whoever writes them.

Images come in order and are appended to a hidden file, which takes the shard's name when all are in it. A writer that
was killed goes on after the last whole image, and a larger count goes on with a copy of the last shard.
"""

import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby, tee
from pathlib import Path
from typing import Any

import numpy as np

from datasets.image_folders.encode import FOLDER, ImageProcess, encode
from datasets.shards.index import BLOCK, END, Index, header_crc
from datasets.shards.read import Member, Place, read
from utils.files import errors_name, sha256
from utils.workers import ahead, worker_processes

Row = tuple[int, int, int]  # of an `Index`


def shard_path(root: Path, first: int) -> Path:
    """The shard whose first image has number `first`."""
    return root / "train" / f"{first:08d}.tar"


def partial_path(root: Path, first: int) -> Path:
    return root / "train" / f".{first:08d}.tar.partial"


def images_there(root: Path, first: int, wanted: int) -> int:
    """How many of the first `wanted` images of a shard need not be made. Of a shard that lacks its name or its index
    the last image is made again, so that there is a step in which it gets them."""
    shard, partial = shard_path(root, first), partial_path(root, first)
    if shard.exists() and shard.with_suffix(".json").exists():
        index = Index.read(shard.with_suffix(".json"))
        if index.size == shard.stat().st_size and len(index.images) >= wanted:
            return wanted
    begun = partial if partial.exists() else shard
    return min(len(whole_images(begun)), wanted - 1) if begun.exists() else 0


def filled(size: int) -> int:
    """The bytes that a file of `size` takes in an archive."""
    return -(-size // BLOCK) * BLOCK


def whole_images(path: Path) -> list[Row]:
    """The images of a shard of ours up to where it ends, or is cut off."""
    rows, size, end = [], os.path.getsize(path), 0
    with open(path, "rb") as file:
        while (header := os.pread(file.fileno(), BLOCK, end)).strip(b"\0"):
            try:
                length = tarfile.TarInfo.frombuf(header, "utf-8", "strict").size
            except tarfile.HeaderError:
                break
            offset, end = end + BLOCK, end + BLOCK + filled(length)
            if end > size:
                break
            rows.append((offset, length, header_crc(file.fileno(), offset)))
    return rows


class Partial:
    """A shard that is being written, with the `rows` of the images that are in it; begins from what is there."""

    def __init__(self, root: Path, first: int):
        self.shard, self.path, self.first = shard_path(root, first), partial_path(root, first), first
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists() and self.shard.exists():
            shutil.copyfile(self.shard, self.path)
        self.path.touch()
        self.rows = whole_images(self.path)
        self.file = open(self.path, "r+b")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> "Partial":
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def append(self, count: int, files: list[bytes]) -> None:
        """Add images after the first `count`; what lies behind those is dropped."""
        if len(self.rows) > count or self.file.tell() == 0:
            del self.rows[count:]
            self.file.seek(sum(BLOCK + filled(size) for _, size, _ in self.rows))
            self.file.truncate()
        for data in files:
            info = tarfile.TarInfo(f"{self.first + len(self.rows):08d}.jpg")  # its time is 0, its owner nobody
            info.size = len(data)
            header = info.tobuf(tarfile.USTAR_FORMAT)
            self.rows.append((self.file.tell() + BLOCK, len(data), zlib.crc32(header)))
            self.file.write(header + data + bytes(filled(len(data)) - len(data)))

    def finish(self) -> None:
        """Give the shard its index and its name."""
        self.file.write(END)
        self.file.flush()
        os.fsync(self.file.fileno())
        for left in self.shard.parent.glob(f".{self.shard.stem}.json.*.tmp"):  # of a writer that was killed
            left.unlink(missing_ok=True)
        index = Index(self.file.tell(), sha256(self.path), np.array(self.rows, np.int64))
        index.write(self.shard.with_suffix(".json"))
        os.replace(self.path, self.shard)


def write_shards(process: ImageProcess, root: Path, samples: int, chunks: Iterable[list[int]],
                 workers: int) -> Iterator[int]:
    """Write `chunks` of image numbers, in order and each within a shard, rendered by `workers` processes; yields the
    number of images of each as it is done. A shard that is full, in a folder of `samples` images, is finished."""
    for first, made in groupby(_encoded(process, chunks, workers), lambda chunk: chunk[0][0] // FOLDER * FOLDER):
        with errors_name(shard_path(root, first)), Partial(root, first) as partial:
            for indices, files in made:
                partial.append(indices[0] - first, files)
                yield len(indices)
            if len(partial.rows) == min(FOLDER, samples - first):
                partial.finish()


def _encoded(process: ImageProcess, chunks: Iterable[list[int]], workers: int) -> Iterator[tuple[list[int], Any]]:
    if workers == 1:
        for chunk in chunks:
            yield chunk, encode(process, chunk, "tar")
        return
    now, coming = tee(chunks)
    with worker_processes(workers) as pool:
        yield from zip(now, ahead(lambda chunk: pool.submit(encode, process, chunk, "tar"), coming, 4 * workers),
                       strict=True)


def random_images(root: Path, count: int) -> Iterator[tuple[int, io.BytesIO]]:
    """(number, file) of `count` images in the shards of `root` at random, or of fewer."""
    rng, shards = np.random.default_rng(0), sorted((root / "train").glob("[0-9]" * 8 + ".tar"))
    for _ in range(count if shards else 0):
        shard = shards[rng.integers(len(shards))]
        rows = whole_images(shard)
        if rows:
            row = int(rng.integers(len(rows)))
            yield int(shard.stem) + row, Member(shard, read(Place(str(shard), *rows[row])))
