"""Writing image folders: many processes, any interruption, the same files.

    <root>/train/<i - i % 1000, 8 digits>/<i, 8 digits>.jpg
    <root>/train/<i - i % 1000, 8 digits>.tar                             with format tar, see `datasets.shards`
    <root>/dataset.json      name, process, parameters, seed, count, resolution, format, and the software that wrote it

An image is there whole or not at all, and image i depends on the record and i alone. So a stopped generation goes on
with the images that are missing, a finished one has nothing to do, and a larger count adds images to those there.
"""

import contextlib
import dataclasses
import functools
import io
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from datasets.image_folders.encode import FOLDER, FORMATS, ImageProcess, encode
from datasets.image_folders.folder import read_rgb
from datasets.image_folders.record import RECORD, check_generated, make_record, recorded_count
from datasets.shards import write as shards
from utils.cli import UserError
from utils.files import atomic_open, human_bytes, locked, write_bytes, write_json
from utils.progress import Progress
from utils.run_folder import environment
from utils.workers import worker_processes

LATENTS = "latents.npy"
MOST = 10**8  # images of a folder: their numbers have 8 digits
EXAMPLES = 8  # images of a folder that are rendered again before others are added
LONG_ENOUGH = 10.0  # seconds for them, where a process is slow
# Mean difference of two images, of 255, that another processor may make: 0.06 without AVX, 1.1 of JPEGs; networks in
# bfloat16, below 3. Two images of one law differ by 24 and more.
ALIKE = 4.0
IMAGES_A_CHUNK = 40  # images a worker makes at a time; a divisor of FOLDER, so that a chunk lies in one folder


def write_image_folder(process: ImageProcess, root: Path | str, samples: int, *, name: str, image_format: str = "jpg",
                       workers: int = 1, rank: int = 0, world_size: int = 1) -> int:
    """Make `root` hold images 0 .. samples - 1 of `process`, or this rank's share; returns how many were written now.

    name: what the record calls the dataset. image_format: 'jpg' (quality 95), 'png', or 'tar': JPEGs in shards.
    workers: processes that render and write; 1 works in this one. rank, world_size: one of several writers of the same
    folder, which must agree on everything else; folder or shard number n, of 1000 images, belongs to rank n %
    world_size.

    Raises UserError if `root` holds something else, a dataset with another record or more images, or images that the
    process no longer makes (`check_law`), or is being written by someone else, if the disk is too small, or if a worker
    was killed; what was in `root` stays as it was.
    """
    root = Path(root)
    if samples < 1 or workers < 1 or image_format not in FORMATS or not 0 <= rank < world_size:
        raise UserError(f"cannot write {samples} images as {image_format} with {workers} workers, rank {rank} of "
                        f"{world_size}: one image, one worker or more, as {' or '.join(FORMATS)}, rank < world size")
    if samples > MOST:
        raise UserError(f"{samples:,} images are more than the {MOST:,} that a folder can hold; pass fewer --samples")
    if image_format == "tar" and world_size > -(-samples // FOLDER):
        raise UserError(f"{samples:,} images make {-(-samples // FOLDER)} shards of {FOLDER}, fewer than the "
                        f"{world_size} processes of WORLD_SIZE; start fewer, or pass more --samples")
    record = describe(process, name, samples, image_format)
    check_generated(root, record, process)
    shard = samples, image_format, rank, world_size
    count = sum(map(len, missing(root, *shard)))
    if count == 0:
        write_latents(process, root, samples)
        if not getattr(process, "chaotic", False):  # which would take minutes for no more than a warning
            check_law(process, root, image_format, examples=1)
        return 0
    check_writable(root)
    check_law(process, root, image_format)
    started = time.monotonic()
    # The first images are made before anything is written: they show what the process and the disk can do.
    first = list(islice(chain.from_iterable(missing(root, *shard)), 4))
    check_space(root, encode(process, first, image_format), count)

    root.mkdir(parents=True, exist_ok=True)
    with hold_shard(root, rank, world_size):
        with locked(root / ".lock", wait=True):  # of the folder: writers of two shards that start together agree
            check_generated(root, record, process)  # again: another writer may just have begun, or left
            if (recorded_count(root) or 0) < samples:
                write_json(root / RECORD, {**record, "software": environment()})
            write_latents(process, root, samples)
        remove_leftovers(root, samples, rank, world_size)
        count = sum(map(len, missing(root, *shard)))
        total = sum(len(range(start, min(start + FOLDER, samples))) for start in folders(samples, rank, world_size))
        with Progress(total, name, "images", done=total - count, started=started) as progress:
            size = getattr(process, "chunk", IMAGES_A_CHUNK)
            chunks = (list(chunk) for part in missing(root, *shard)
                      for _, chunk in groupby(part, lambda index: index // size))
            # In this process first: a compiled process fills its cache once, and mistakes show without a pool.
            write = (functools.partial(shards.write_shards, process, root, samples) if image_format == "tar" else
                     functools.partial(write_chunks, process, root, image_format))
            for done in chain(write(islice(chunks, 1), workers=1), write(chunks, workers=workers)):
                progress.update(done)
    return count


def write_latents(process: ImageProcess, root: Path, samples: int) -> None:
    """Write root/latents.npy, float64 [samples, n] in order of the images, if the process has latents, and the file is
    not there or of another size."""
    if hasattr(process, "latents"):
        latents, path = process.latents(range(samples)), root / LATENTS
        if not path.exists() or len(np.load(path, mmap_mode="r")) != samples:
            with atomic_open(path) as file:
                np.save(file, latents)


def describe(process: ImageProcess, name: str, samples: int, image_format: str) -> dict[str, Any]:
    """The record of a dataset, as dataset.json holds it (without the software)."""
    return make_record(name, "generated", {"train": samples}, process=type(process).__name__,
                       parameters=parameters(process), seed=process.seed, resolution=process.resolution,
                       format=image_format)


def parameters(process: ImageProcess) -> dict[str, Any]:
    """The fields of a process but resolution and seed; for paths, what is there."""
    fields = dataclasses.asdict(process)  # type: ignore[call-overload]
    fields |= process.contents() if hasattr(process, "contents") else {}
    return {name: value for name, value in fields.items() if name not in ("resolution", "seed")}


def check_law(process: ImageProcess, root: Path, image_format: str, examples: int = EXAMPLES) -> None:
    """Renders some of the images in `root` again. Raises UserError if they are others: the code has changed since, and
    one folder would hold images of two laws. Takes about LONG_ENOUGH seconds, or one image. A chaotic process is only
    warned of: another processor may be the cause."""
    started = time.monotonic()
    for number, path in random_images(root, image_format, examples):
        (again,) = encode(process, [number], image_format)
        there, now = (np.asarray(read_rgb(file)).astype(int) for file in (path, io.BytesIO(again)))
        if there.shape != now.shape or np.abs(there - now).mean() > ALIKE:
            said = f"{path} is not what {type(process).__name__} makes now: its code, or a library, has changed since"
            if getattr(process, "chaotic", False):
                print(f"warning: {said}, or it was made on another kind of processor", file=sys.stderr, flush=True)
                return
            raise UserError(f"{said} the folder was begun, and more images would follow another law; remove {root} to "
                            "make all of it anew, or choose another --output")
        if time.monotonic() - started > LONG_ENOUGH:
            return


def random_images(root: Path, image_format: str, count: int) -> Iterator[tuple[int, Path | BinaryIO]]:
    """(number, file) of `count` of the images in `root` at random, or of fewer."""
    if image_format == "tar":
        yield from shards.random_images(root, count)
        return
    rng = np.random.default_rng(0)
    folders = sorted((root / "train").glob("[0-9]" * 8))
    for _ in range(count if folders else 0):
        images = sorted(folders[rng.integers(len(folders))].glob(f"{'[0-9]' * 8}.{image_format}"))
        if images:
            path = images[rng.integers(len(images))]
            yield int(path.stem), path


def folders(samples: int, rank: int, world_size: int) -> range:
    """First image of each folder of this shard."""
    return range(rank * FOLDER, samples, world_size * FOLDER)


def image_path(root: Path, index: int, image_format: str) -> Path:
    return root / "train" / f"{index - index % FOLDER:08d}" / f"{index:08d}.{image_format}"


def missing(root: Path, samples: int, image_format: str, rank: int, world_size: int) -> Iterator[Sequence[int]]:
    """Images of this shard that are not there yet, in order, a sequence for each folder of 1000."""
    for start in folders(samples, rank, world_size):
        images, folder = range(start, min(start + FOLDER, samples)), image_path(root, start, image_format).parent
        if image_format == "tar":
            yield images[shards.images_there(root, start, len(images)) :]
            continue
        if not folder.is_dir():
            yield images  # not one by one: there may be a hundred million
            continue
        there = set(os.listdir(folder))
        yield [i for i in images if f"{i:08d}.{image_format}" not in there]


def remove_leftovers(root: Path, samples: int, rank: int, world_size: int) -> None:
    """Delete the half-written files of a killed writer of this shard; its lock must be held."""
    for start in folders(samples, rank, world_size):
        for path in image_path(root, start, "jpg").parent.glob(".*.tmp"):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def hold_shard(root: Path, rank: int, world_size: int) -> Iterator[None]:
    """Hold the lock of this shard. Raises UserError while another writer has a shard that overlaps it."""
    message = f"{root} is being written by another process; wait for it, or choose another --output"
    with locked(root / f".lock-{rank}-of-{world_size}", message):
        # Shards of one world size are disjoint, those of two may overlap, so no writer of another may be at work. All
        # first take their own lock and then look, so of two that start together at least one sees the other.
        for other in root.glob(".lock-*-of-*"):
            if not other.name.endswith(f"-of-{world_size}"):
                with locked(other, f"{message} (it counts another WORLD_SIZE)"):
                    pass
        yield


def nearest(root: Path) -> Path:
    """`root`, or the nearest folder above it that is there."""
    return next(path for path in (root, *root.absolute().parents) if path.exists())


def check_writable(root: Path) -> None:
    """Raises UserError if nothing can be written to `root`: for before the first images, which may take minutes."""
    there = nearest(root)
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"{there} is {'not writable' if there.is_dir() else 'a file'}; choose another --output")


def check_space(root: Path, samples: list[bytes], count: int) -> None:
    """Raises UserError if `count` images like `samples` do not fit on the disk of `root`."""
    block = 4096  # files take whole blocks
    need = count * sum(-(-len(data) // block) * block for data in samples) / len(samples)
    free = shutil.disk_usage(nearest(root)).free
    if need > free:
        raise UserError(f"{root} needs about {human_bytes(need)} for {count} images, but {human_bytes(free)} are free; "
                        "make room, choose another --output, or fewer --samples")


def write_chunk(process: ImageProcess, root: Path, indices: Sequence[int], image_format: str) -> int:
    """Render and write images `indices`, all of one folder; returns how many."""
    image_path(root, indices[0], image_format).parent.mkdir(parents=True, exist_ok=True)
    for index, data in zip(indices, encode(process, indices, image_format), strict=True):
        write_bytes(image_path(root, index, image_format), data, durable=False)
    return len(indices)


def write_chunks(process: ImageProcess, root: Path, image_format: str, chunks: Iterable[list[int]],
                 workers: int) -> Iterator[int]:
    """Write all chunks with `workers` processes, or fewer for few chunks; yields the number of images of each as it is
    done."""
    if workers == 1:
        for chunk in chunks:
            yield write_chunk(process, root, chunk, image_format)
        return
    with worker_processes(workers) as pool:
        queue = iter(chunks)
        running: set[Future[int]] = set()
        while True:
            for chunk in islice(queue, 4 * workers - len(running)):
                running.add(pool.submit(write_chunk, process, root, chunk, image_format))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
