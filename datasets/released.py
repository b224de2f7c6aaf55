"""The images that the authors of the paper released, as image folders.

    python -m datasets.released                                       # all fourteen small-scale datasets
    python -m datasets.released stat-wmm stylegan-oriented            # to data/small_scale/<name>
    python -m datasets.released stylegan-oriented --scale large       # to data/large_scale/<name>
    python -m datasets.released stat-wmm --url http://my.server/noiselearning

Downloads an archive, checks it (datasets/released.yaml), unpacks it and counts the images; dataset.json says where they
came from. Until then all lies in <name>.incomplete, and the same command goes on there.
"""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

from datasets.extract import extract
from datasets.folder import RECORD, list_images
from datasets.manifest import Kind, Release, fetch_all, options, origin, releases
from utils.cli import UserError, positive_int, run

MOST_BYTES = 256 << 10  # of an image, on average: 256×256 pixels without compression are 192 KB


def unpack(release: Release, archive: Path, work: Path) -> tuple[Path, dict[str, Any]]:
    """The folder that holds train/ in the archive, unpacked to `work`, and {"count"}.

    Raises WrongFile for what `extract` refuses, and UserError if there are not release.images in it: the archive, which
    may be right, is kept.
    """
    content = work / "content"
    extract(archive, content, members=2 * release.images + 10_000, size=release.images * MOST_BYTES)
    homes = [Path(parent) for parent, folders, _ in os.walk(content) if "train" in folders] or [content]
    home = max(homes, key=count)  # not that of __MACOSX/
    found = count(home)
    if found != release.images:
        top = ", ".join(sorted(os.listdir(content))[:5]) or "nothing"
        shutil.rmtree(content)
        accept = f"pass --count {found} to accept it, or " if found else ""
        raise UserError(f"{archive} holds {found:,} images in a folder train, not {release.images:,}, and at its top "
                        f"{top}; {accept}remove {work} to have it fetched anew")
    return home, {"count": found}


def count(home: Path) -> int:
    """Images in `home`/train."""
    try:
        return len(list_images(home / "train"))
    except UserError:  # it says that there are none
        return 0


def whole(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether `folder` holds as many images as were downloaded, which takes seconds to see for the largest."""
    return count(folder) == facts["count"]


def main() -> None:
    p = options("python -m datasets.released", __doc__, "data")
    p.add_argument("--count", type=positive_int, help="images that each archive should hold (default: 105,000 at small "
                   "scale, 1,300,000 at large)")
    args = p.parse_args()
    chosen = releases("datasets", args.scale, args.names, args.url)
    if args.count:
        chosen = [dataclasses.replace(release, images=args.count) for release in chosen]
    for folder, facts in fetch_all(chosen, args.output / f"{args.scale}_scale", Kind(RECORD, unpack, whole)):
        print(f"{folder}: {facts['count']:,} images; {origin(facts)}", flush=True)


if __name__ == "__main__":
    run(main)
