"""The encoders that the authors of the paper released.

    python -m models.released                                  # all fourteen of small scale: SmallAlexNet
    python -m models.released stat-wmm stylegan-oriented       # to encoders/small_scale/<name>/encoder.pth
    python -m models.released --scale large                    # MoCo's ResNet-50, checkpoint_<epoch>.pth.tar

A file is kept only if it loads as an encoder of that architecture; source.json beside it says where it came from. What
trains encoders leaves such a folder alone, and what evaluates them takes it like one of ours, as long as the file is
that of the record. Until a file is checked
it lies in <name>.incomplete, and the same command goes on there.
"""

import os
from pathlib import Path
from typing import Any

from datasets.download import WrongFile
from datasets.manifest import Kind, Release, fetch_all, options, releases
from models.resnet50 import load_any_encoder
from utils.cli import UserError, run
from utils.files import read_record

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


def check_downloaded(path: Path, sha256: str) -> None:
    """Raises UserError if a record beside `path`, whose SHA-256 is given, says that another file was downloaded."""
    try:
        record = read_record(path.with_name(RECORD), file=str, sha256=str)
    except (FileNotFoundError, UserError):  # no download of ours
        return
    if record["file"] == path.name and record["sha256"] != sha256:
        raise UserError(f"{path} is not the file that was downloaded (its sha256 is {sha256[:12]}..., in {RECORD} "
                        f"{record['sha256'][:12]}...); remove {path.parent} and download it again: python -m "
                        "models.released --help")


def describe(folder: Path, facts: dict[str, Any]) -> str:
    return f"{folder / facts['file']}: {facts['architecture']}"


def main() -> int:
    args = options("python -m models.released", __doc__, "encoders").parse_args()
    chosen = releases("encoders", args.scale, args.names, args.url)
    kind = Kind(RECORD, {"file": str, "architecture": str}, unpack, whole, describe)
    return int(fetch_all(chosen, args.output / f"{args.scale}_scale", kind) > 0)


if __name__ == "__main__":
    run(main)
