"""VTAB's tar shards, small, as the CLIP benchmark writes them."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def make_image(extension: str, seed: int) -> bytes:
    """An image file of 6×5 random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[extension])
    return file.getvalue()


def make_tar(path: Path, members: Sequence[tuple[str | tarfile.TarInfo, bytes]]) -> None:
    """A shard of these members: names, or whole TarInfos for what is no plain file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            shard.addfile(info, io.BytesIO(data))


def make_shards(folder: Path, train: Sequence[int], test: Sequence[int], *, shards: int = 2,
                 extension: str = "webp") -> dict[str, bytes]:
    """<split>/nshards.txt and tars of images with these labels; the image files by '<split>/<key>'."""
    files = {}
    for number, (split, labels) in enumerate((("train", train), ("test", test))):
        for shard in range(shards):
            members = []
            for i in range(shard * len(labels) // shards, (shard + 1) * len(labels) // shards):
                key, data = f"s{i:07d}", make_image(extension, 10_000 * number + i)
                files[f"{split}/{key}"] = data
                members += [(f"{key}.cls", str(labels[i]).encode()), (f"{key}.{extension}", data)]
            make_tar(folder / split / f"{shard}.tar", members)
        (folder / split / "nshards.txt").write_text(f"{shards}\n")
    return files
