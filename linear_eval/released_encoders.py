"""Download the encoders that the authors of the paper released.

    python -m linear_eval.released_encoders                          # all fourteen of small scale: SmallAlexNet
    python -m linear_eval.released_encoders stat-wmm                 # to encoders/small_scale/stat-wmm/encoder.pth
    python -m linear_eval.released_encoders --scale large            # MoCo's ResNet-50, checkpoint_<epoch>.pth.tar

A file is kept only if it loads as an encoder of that architecture; source.json beside it says where it came from.
Training leaves such a folder alone. Probes take the encoder like one of ours, as long as the file is the recorded one.
Until a file is checked it lies in <name>.incomplete, and the same command goes on there.
"""

import os
from pathlib import Path
from typing import Any

from datasets.download import WrongFile
from datasets.manifest import Kind, Release, fetch_all, options, releases
from models import load_encoder
from utils.cli import UserError, run
from utils.files import read_record

RECORD = "source.json"


def unpack(release: Release, file: Path, work: Path) -> tuple[Path, dict[str, Any]]:
    """A folder in `work` with the encoder in it, and {"file", "architecture"}. Raises WrongFile if the file holds
    no encoder, or one of another architecture."""
    try:
        architecture = type(load_encoder(file)).__name__
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


def check_recorded(path: Path, sha256: str) -> None:
    """Raises UserError if a record beside `path`, whose SHA-256 is given, says that another file was downloaded, or
    exported by training."""
    for name, field, again in (
            (RECORD, "sha256", f"remove {path.parent} and download it again: python -m "
                               "linear_eval.released_encoders --help"),
            ("done.json", "encoder_sha256", "run the command that trained it once more, which exports it again")):
        try:
            record = read_record(path.with_name(name), **{field: str})
        except (FileNotFoundError, UserError):  # none of ours
            continue
        if record.get("file", "encoder.pth") == path.name and record[field] != sha256:
            raise UserError(f"{path} is not the file that {name} beside it names (its sha256 is {sha256[:12]}..., not "
                            f"{record[field][:12]}...); {again}")


def describe(folder: Path, facts: dict[str, Any]) -> str:
    return f"{folder / facts['file']}: {facts['architecture']}"


def main() -> int:
    args = options("python -m linear_eval.released_encoders", __doc__, "encoders").parse_args()
    chosen = releases("encoders", args.scale, args.names, args.url)
    kind = Kind(RECORD, {"file": str, "architecture": str}, unpack, whole, describe)
    return int(fetch_all(chosen, args.output / f"{args.scale}_scale", kind) > 0)


if __name__ == "__main__":
    run(main)
