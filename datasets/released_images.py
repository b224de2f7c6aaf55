"""The images that the authors of the paper released, as image folders.

    python -m datasets.released_images                                       # all fourteen small-scale datasets
    python -m datasets.released_images stat-wmm stylegan-oriented            # to data/small_scale/<name>
    python -m datasets.released_images stylegan-oriented --scale large       # to data/large_scale/<name>
    python -m datasets.released_images stat-wmm --url http://my.server/noiselearning

Downloads an archive, checks it (datasets/released.yaml), unpacks it and counts the images; dataset.json says where they
came from. Until then all lies in <name>.incomplete, and the same command goes on there.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from datasets.image_folders.folder import count_images, list_images, read_rgb
from datasets.image_folders.record import RECORD, make_record, recorded_count
from datasets.manifest import Kind, Release, fetch_all, options, releases
from datasets.unzip import unzip
from utils.cli import UserError, positive_int, run

MOST_BYTES = 256 << 10  # of an image, on average: 256×256 pixels without compression are 192 KB
LOOKED_AT = 10  # images that are decoded, to see that they are


def unpack(release: Release, archive: Path, work: Path) -> tuple[Path, dict[str, Any]]:
    """The folder that holds train/ in the archive, unpacked to `work`, and its record.

    Of an archive without train/ all images are taken. Raises WrongFile for a damaged archive. Raises UserError, and
    keeps the archive, which may be right, for what else `unzip` refuses, if there are not release.images in it, and
    if one of those looked at is no image.
    """
    content = work / "content"
    unzip(archive, content / "train", members=2 * release.images + 10_000, size=release.images * MOST_BYTES)
    homes = [Path(parent) for parent, folders, _ in os.walk(content) if "train" in folders]  # `content` is the first
    for home in homes:
        (home / RECORD).unlink(missing_ok=True)  # it would be taken for ours
    counts = [count_images(home / "train") for home in homes]
    fitting = [home for home, number in zip(homes, counts, strict=True) if number == release.images]
    if not fitting:
        found = next((number for number in reversed(counts) if number), 0)  # of the innermost, as not that of __MACOSX/
        top = ", ".join(sorted(os.listdir(content / "train"))[:5]) or "nothing"
        accept = f"pass --count {found} to accept it, or " if found else ""
        raise UserError(f"{archive} holds {found:,} images, not {release.images:,}, and at its top {top}; {accept}"
                        "remove it to have it fetched anew")
    paths = list_images(fitting[-1])
    try:
        for path in paths[:: -(-len(paths) // LOOKED_AT)]:
            read_rgb(path)
    except UserError as problem:
        raise UserError(f"{archive} holds what is no image ({problem}); remove it to have it fetched anew") from None
    return fitting[-1], make_record(release.name, "the authors of the paper", {"train": release.images})


def whole(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether `folder` holds as many images as were downloaded, which takes seconds to see for the largest."""
    return count_images(folder / "train") == recorded_count(folder)


def describe(folder: Path, facts: dict[str, Any]) -> str:
    return f"{folder}: {recorded_count(folder):,} images"


def main() -> int:
    p = options("python -m datasets.released_images", __doc__, "data")
    p.add_argument("--count", type=positive_int, help="images that each archive should hold (default: 105,000 at small "
                   "scale, 1,300,000 at large)")
    args = p.parse_args()
    chosen = releases("datasets", args.scale, args.names, args.url)
    if args.count:
        chosen = [dataclasses.replace(release, images=args.count) for release in chosen]
    kind = Kind(RECORD, {}, unpack, whole, describe)
    return int(fetch_all(chosen, args.output / f"{args.scale}_scale", kind) > 0)


if __name__ == "__main__":
    run(main)
