"""Reading shards of images by number: ours, and anybody else's in WebDataset's layout.

    shards = open_shards(["data/large_scale/stat-spectrum"])
    last, first = decode(shards.places([1_299_999, 0]))          # uint8 [H, W, 3]

A folder's shards are its train/*.tar, or its *.tar, in order of their names; the images of a shard come as they lie in
it. An index that is missing (`datasets.shards.index`) is made first, by reading the shard once.
"""

import io
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.image_folders.folder import read_rgb
from datasets.image_folders.record import RECORD, recorded_count
from datasets.packed import resize_and_crop
from datasets.shards.index import BLOCK, REMEDY, index_of
from utils.cli import UserError
from utils.memory import keep_freed_memory
from utils.progress import Progress
from utils.seeding import stable_key


class Place(NamedTuple):
    """Where the bytes of an image lie; crc: CRC-32 of the header before them."""

    shard: str
    offset: int
    size: int
    crc: int


class Member(io.BytesIO):
    """An image of a shard as an open file, which is called by shard and name in messages. `block`: its header and
    bytes."""

    def __init__(self, shard: Path | str, block: bytes):
        super().__init__(block[BLOCK:])
        self.shard, self.name_field = shard, block[:100]

    def __str__(self) -> str:
        return f"{self.shard}: {self.name_field.rstrip(bytes(1)).decode(errors='replace')}"


class Shards:
    """The images of several sets of shards, numbered through. counts: images of each set; sha256: of each set."""

    def __init__(self, sets: Sequence[Sequence[Path]], caches: Sequence[Path | None]):
        self.paths = [str(path) for paths in sets for path in paths]
        indices = []
        with Progress(len(self.paths), "indices of shards", "shards") as progress:
            for paths, cache in zip(sets, caches, strict=True):
                if cache:
                    cache.mkdir(parents=True, exist_ok=True)
                home = cache or paths[0].parent
                for path in paths:
                    indices.append(index_of(path, home / f"{path.stem}.json", os.access(home, os.W_OK)))
                    progress.update(1)
        self.images = np.concatenate([index.images for index in indices])
        self.ends = np.cumsum([len(index.images) for index in indices])  # number after the last image of each shard
        last = np.cumsum([len(paths) for paths in sets]) - 1
        self.counts = np.diff(self.ends[last], prepend=0).tolist()
        self.sha256 = [f"{stable_key([index.sha256 for index in indices[end - len(paths) + 1 : end + 1]]):016x}"
                       for end, paths in zip(last, sets, strict=True)]

    def __len__(self) -> int:
        return len(self.images)

    def places(self, numbers: Iterable[int]) -> list[Place]:
        """Where images number `numbers` lie."""
        numbers = np.asarray(numbers)
        shards = np.searchsorted(self.ends, numbers, side="right")
        return [Place(self.paths[shard], *row) for shard, row in zip(shards, self.images[numbers].tolist(),
                                                                     strict=True)]


def list_shards(root: Path | str) -> list[Path]:
    """The shards in `root`, none if it holds none (or is no folder)."""
    return sorted(Path(root, "train").glob("*.tar")) or sorted(Path(root).glob("*.tar"))


def open_shards(roots: Sequence[Path | str], cache: Path | str | None = None) -> Shards:
    """The shards of each folder. `cache`: a folder for their indices, in place of their own.

    Raises UserError for a folder without shards or images, one whose record asks for other images than are there, and
    for what `index_of` refuses.
    """
    sets = [list_shards(root) for root in roots]
    for root, paths in zip(roots, sets, strict=True):
        if not paths:
            raise UserError(f"{root} holds no tar shards; make some: python -m generators NAME --format tar")
    # A cache serves several folders, whose shards may have the same names.
    caches = [Path(cache, f"{stable_key(str(Path(root).resolve())):016x}") if cache else None for root in roots]
    shards = Shards(sets, caches)
    for root, count in zip(roots, shards.counts, strict=True):
        expected = recorded_count(root)
        if expected not in (None, count):
            raise UserError(f"{root} holds {count} of the {expected} images its {RECORD} names: it is still being "
                            "generated, or was interrupted; run the command that makes it again to finish it")
        if not count:
            raise UserError(f"{root}: its shards hold no images")
    return shards


def read(place: Place) -> bytes:
    """The header and the bytes of an image. Raises UserError if it is not what the index says, or is cut off."""
    descriptor = os.open(place.shard, os.O_RDONLY)  # half the time of a file object
    try:
        block = os.pread(descriptor, BLOCK + place.size, place.offset - BLOCK)
    finally:
        os.close(descriptor)
    if zlib.crc32(block[:BLOCK]) != place.crc:
        raise UserError(f"{place.shard} is another shard than its index is of; remove the index, and it is made again")
    if len(block) < BLOCK + place.size:
        raise UserError(f"{place.shard} is cut off; {REMEDY}")
    return block


def decode(places: Sequence[Place], resize: int | None = None) -> list[np.ndarray]:
    """The images at `places`, uint8 [H, W, 3] each; with `resize`, squares of that many pixels.

    Raises UserError that names shard and member for one that is no image, and, without `resize`, for sizes that differ.
    """
    keep_freed_memory()
    images: list[np.ndarray] = []
    for place in places:
        file = Member(place.shard, read(place))
        image = read_rgb(file)
        images.append(np.asarray(image if resize is None else resize_and_crop(image, resize)))
        if images[-1].shape != images[0].shape:
            raise UserError(f"{file} is {image.width}×{image.height}, and images before it are {images[0].shape[1]}×"
                            f"{images[0].shape[0]}; pass --resize 256 to bring all to one size")
    return images
