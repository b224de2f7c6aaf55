"""Features of many images, computed once: a memory-mapped file for each encoder, layer, view and set of images.

    features = extract(row, task.val, device, cache=Path("runs/features"))

A file is written from its first row to its last and takes its name when it is whole, so a command that was stopped goes
on after the last batch written. It may be deleted at any time. The JSON beside it says what it holds. Other code, or
another version of a library, makes a file of its own.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
import torch
import torchvision
from torch import Tensor

from linear_eval.features.rows import Row
from linear_eval.task import Split
from utils.cli import UserError
from utils.files import crc32, errors_name, locked, read_record, write_json
from utils.progress import Progress
from utils.seeding import stable_key

AHEAD = 1024  # images decoded while those before them are encoded


def code_sha256(root: Path) -> str:
    """SHA-256 of what features come from: the sources in the repository `root`, and the versions of libraries.

    Unlike a number in the code, nobody can forget to raise it; features are computed anew also after an edit that
    changes none.
    """
    names = ("datasets/image_folders/folder.py", "linear_eval/features/extract.py", "linear_eval/features/frozen.py",
             "utils/devices.py", "utils/seeding.py")
    sources = [root / name for name in names] + sorted(root.glob("models/*.py"))
    digest = hashlib.sha256(f"{torch.__version__} {torchvision.__version__} {PIL.__version__}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


CODE = code_sha256(Path(__file__).parents[2])  # now: the files may change while this process computes


def extract(row: Row, split: Split, device: torch.device, rows: np.ndarray | None = None,
            cache: Path | None = None) -> Tensor:
    """`row.features` of the images numbered `rows` (None: all) of `split`: float32 [N, D].

    On `device`; on a CPU, or where they would fill half of a GPU, with a `cache` folder, a map of the file, for reading
    alone. Features of a network are kept in `cache`, those of a baseline or a function of your own are not. Raises
    UserError if a feature is not finite.
    """
    rows = np.arange(len(split)) if rows is None else rows
    if cache is None or row.facts.get("kind") not in ("encoder", "random_init"):
        out, start = torch.empty(0), 0
        for features in _batches(row, split, rows, device, _batch_size(row, device)):
            if start == 0:
                out = features.new_empty(len(rows), features.shape[1])
            out[start : start + len(features)] = features
            start += len(features)
        return out
    path = _file(row, split, rows, device, cache)
    if not _intact(path):
        cache.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock"), wait=True), errors_name(path):
            if not _intact(path):  # the command that held the lock may have made it
                _write(path, path.with_suffix(".partial"), row, split, rows, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch knows no read-only arrays; a map that may be written must fit in memory
        kept = torch.from_numpy(np.load(path, mmap_mode="r"))
    if device.type == "cpu" or kept.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return kept
    return kept.to(device)


def _batch_size(row: Row, device: torch.device) -> int:
    if device.type == "cpu":  # 64 small images fit the processor's cache: 1.5 times as fast as 256
        return 64 if row.view.size <= 64 else 16
    return 1024 if row.view.size <= 64 else 256


def _batches(row: Row, split: Split, rows: np.ndarray, device: torch.device, batch_size: int) -> Iterator[Tensor]:
    """Features batch by batch; the next images are decoded by another thread meanwhile."""
    parts = [rows[start : start + AHEAD] for start in range(0, len(rows), AHEAD)]
    with ThreadPoolExecutor(1) as pool:
        images = [pool.submit(split.images, part, row.view) for part in parts[:1]]
        for following in [*parts[1:], None]:
            pixels = torch.from_numpy(images.pop().result())
            if following is not None:
                images.append(pool.submit(split.images, following, row.view))
            for batch in pixels.split(batch_size):
                features = row.features(batch.to(device))
                if not features.isfinite().all():
                    raise UserError(f"{row.name} gives features that are not finite: it is damaged, or its training "
                                    "diverged")
                yield features


def _file(row: Row, split: Split, rows: np.ndarray, device: torch.device, cache: Path) -> Path:
    """The name says what decides the features: the code, network, layer, view and precision, and each image's file."""
    facts = {**row.facts, "view": split.seen(row.view), "device": device.type, "code": CODE}
    return cache / f"{stable_key(facts, split.state(rows)):016x}.npy"


def _write(path: Path, partial: Path, row: Row, split: Split, rows: np.ndarray, device: torch.device) -> None:
    batch_size = _batch_size(row, device)
    with open(partial, "a+b") as file:
        done = _whole_batches(file, batch_size)
        with Progress(len(rows), f"features of {row.name}", "images", done=done) as progress:
            for features in _batches(row, split, rows[done:], device, batch_size) if done < len(rows) else ():
                if file.tell() == 0:
                    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False,
                                                                "shape": (len(rows), features.shape[1])})
                file.write(features.cpu().numpy().tobytes())
                progress.update(len(features))
        file.flush()
        os.fsync(file.fileno())
    write_json(path.with_suffix(".json"), {"row": row.name, **row.facts, "view": str(row.view), "images": len(rows),
                                           "crc32": crc32(partial)})
    os.replace(partial, path)


def _intact(path: Path) -> bool:
    """Whether the file is there with the bytes that were written."""
    try:
        return crc32(path) == read_record(path.with_suffix(".json"), crc32=int)["crc32"]
    except (FileNotFoundError, UserError):
        return False


def _whole_batches(file: BinaryIO, batch_size: int) -> int:
    """How many rows an earlier, stopped run has written, in whole batches; cuts off what is more."""
    file.seek(0)
    try:
        np.lib.format.read_magic(file)
        (count, dimensions), _, _ = np.lib.format.read_array_header_1_0(file)
    except ValueError:  # nothing yet, or not the whole header
        file.seek(0)
        file.truncate()
        return 0
    start, bytes_a_row = file.tell(), 4 * dimensions
    written = (file.seek(0, os.SEEK_END) - start) // bytes_a_row
    done = written if written == count else written // batch_size * batch_size
    file.truncate(start + done * bytes_a_row)
    file.seek(0, os.SEEK_END)
    return done
