"""The encoders that the authors of the paper released.

    python -m models.released                                  # all fourteen of small scale: SmallAlexNet
    python -m models.released stat-wmm stylegan-oriented       # to encoders/small_scale/<name>/encoder.pth
    python -m models.released --scale large                    # MoCo's ResNet-50, checkpoint_<epoch>.pth.tar

A file is kept only if it loads as an encoder of that architecture; source.json beside it says where it came from. What
trains encoders leaves such a folder alone, and what evaluates them takes it like one of ours. Until a file is checked
it lies in <name>.incomplete, and the same command goes on there.
"""

import os
from pathlib import Path
from typing import Any

from datasets.download import WrongFile
from datasets.manifest import Kind, Release, fetch_all, options, releases
from models.resnet50 import load_any_encoder
from utils.cli import UserError, run

RECORD = "source.json"


def unpack(release: Release, file: Path, work: Path) -> tuple[Path, dict[str, Any]]:
    """A folder in `work` with the encoder in it, and {"file", "architecture"}. Raises WrongFile if it is none, or of
    another architecture."""
    try:
        architecture = type(load_any_encoder(file)).__name__
    except UserError as problem:
        raise WrongFile(str(problem)) from None
    if architecture != release.architecture:
        raise WrongFile(f"{file} is a {architecture}, not a {release.architecture}")
    work.mkdir(exist_ok=True)
    os.replace(file, work / release.file)
    return work, {"file": release.file, "architecture": architecture}


def whole(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether the file is there at its full size."""
    path = folder / facts["file"]
    return path.is_file() and path.stat().st_size == facts["size"]


def describe(folder: Path, facts: dict[str, Any]) -> str:
    return f"{folder / facts['file']}: {facts['architecture']}"


def main() -> int:
    args = options("python -m models.released", __doc__, "encoders").parse_args()
    chosen = releases("encoders", args.scale, args.names, args.url)
    kind = Kind(RECORD, {"file": str, "architecture": str}, unpack, whole, describe)
    return int(fetch_all(chosen, args.output / f"{args.scale}_scale", kind) > 0)


if __name__ == "__main__":
    run(main)
