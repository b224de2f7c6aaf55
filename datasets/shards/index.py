"""The index beside a shard: where each of its images lies, so that any of them is one read away.

    00000000.tar     00000000.jpg 00000001.jpg ...: a plain tar archive, as WebDataset reads it
    00000000.json    {"size": bytes of the shard, "sha256": its hash, "images": [[offset, bytes, CRC-32 of the header]]}

An image's header is the block of 512 bytes before it, with its name and size. Its CRC shows an index of another shard.
"""

import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.image_folders.folder import EXTENSIONS
from utils.cli import UserError
from utils.files import read_record, sha256, write_bytes

BLOCK = 512  # bytes: headers are one, and files are filled up to whole ones
END = bytes(2 * BLOCK)  # of an archive
REMEDY = "fetch or make the shard again"


@dataclass(frozen=True)
class Index:
    """images: int64 [N, 3], a row an image: offset of its bytes, their number, CRC-32 of its header."""

    size: int
    sha256: str
    images: np.ndarray

    def write(self, path: Path) -> None:
        facts = {"size": self.size, "sha256": self.sha256, "images": self.images.tolist()}
        write_bytes(path, json.dumps(facts).encode() + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Index":
        """Raises UserError for a file that holds no index, FileNotFoundError where there is none."""
        facts = read_record(path, size=int, sha256=str, images=list)
        try:
            images = np.array(facts["images"], np.int64).reshape(-1, 3)
            offsets, sizes, _ = images.T
            inside = (offsets >= BLOCK) & (sizes >= 0) & (sizes <= facts["size"] - offsets)
        except (TypeError, ValueError, OverflowError):
            inside = np.zeros(1, bool)
        if not inside.all():
            raise UserError(f"{path} is no index of a shard; remove it, and it is made again")
        return cls(facts["size"], facts["sha256"], images)

    def require(self, shard: Path, path: Path) -> None:
        """Raises UserError unless `shard` is, by its size and its outermost images, what the index in `path` says."""
        size = os.path.getsize(shard)
        if size < self.size:
            raise UserError(f"{shard} is cut off: it has {size:,} of the {self.size:,} bytes in {path.name}; {REMEDY}")
        with open(shard, "rb") as file:
            outermost = self.images[[0, -1]] if len(self.images) else self.images
            if size != self.size or any(header_crc(file.fileno(), int(row[0])) != row[2] for row in outermost):
                raise UserError(f"{path} is the index of another shard than {shard.name}; remove it, and it is made "
                                "again")


def index_of(shard: Path, path: Path, writable: bool = True) -> Index:
    """The index of `shard`, kept in `path`: read, or made by reading the shard once. Raises UserError for a shard that
    is not whole (`images_in`), for an index of another, and if there is none and the place for it is not `writable`."""
    try:
        index = Index.read(path)
    except FileNotFoundError:
        if not writable:
            raise UserError(f"{path.parent} is not writable, so the index of {shard.name} cannot be kept there; pass "
                            "--cache DIR") from None
        index = Index(os.path.getsize(shard), sha256(shard), np.array(list(images_in(shard)), np.int64).reshape(-1, 3))
        index.write(path)
    index.require(shard, path)
    return index


def header_crc(descriptor: int, offset: int) -> int:
    """CRC-32 of the header of the member whose bytes begin at `offset`."""
    return zlib.crc32(os.pread(descriptor, BLOCK, offset - BLOCK))


def images_in(shard: Path) -> Iterator[tuple[int, int, int]]:
    """A row of the index for each image: each member whose name ends, from its first dot on, as an image's does.

    Other members (labels, captions) are passed over. Raises UserError for a shard that is cut off or damaged, for two
    members of one name, two images of one sample, and for images that are links or folders.
    """
    names, samples = set(), set()
    try:
        with open(shard, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if member.name in names:
                    raise UserError(f"{shard}: {member.name} is there twice; {REMEDY}")
                names.add(member.name)
                folder, _, base = member.name.rpartition("/")
                key, dot, extension = base.partition(".")
                if not key or dot + extension.lower() not in EXTENSIONS:
                    continue
                if not member.isreg() or member.issparse():
                    raise UserError(f"{shard}: {member.name} is a link, folder or device, not a plain file; {REMEDY}")
                if (folder, key) in samples:
                    raise UserError(f"{shard}: {key} has two images; {REMEDY}")
                samples.add((folder, key))
                yield member.offset_data, member.size, header_crc(file.fileno(), member.offset_data)
            # tarfile stops in silence at a damaged header; an archive ends with two empty blocks.
            if os.pread(file.fileno(), len(END), archive.offset) != END:
                raise tarfile.ReadError("it has no end")
    except tarfile.TarError as error:
        raise UserError(f"{shard} is cut off or damaged ({error}); {REMEDY}") from None
