"""What the authors released (released.yaml), and how a file of it becomes a folder: `datasets.released_images` fetches
images so, `linear_eval.released_encoders` encoders.

A release is fetched to <name>.incomplete and takes its place, a folder with a record of where it came from, as the last
step. A stopped command goes on; a finished one has nothing to do.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasets.download import NoRoom, Unreachable, WrongFile, download_checked
from utils.cli import UserError, parser
from utils.files import locked, read_record, write_json


@dataclass(frozen=True)
class Release:
    """One released file; the fields are explained in released.yaml."""

    name: str
    urls: tuple[str, ...]
    images: int | None = None
    architecture: str | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def file(self) -> str:
        """The name of the file itself."""
        return self.urls[0].rpartition("/")[2]


def releases(kind: str, scale: str, names: Sequence[str] = (), address: str | None = None) -> list[Release]:
    """The released files called `names`, or all.

    kind: 'datasets' or 'encoders'. scale: 'small' or 'large'. address: in place of NOISE_LEARNING_URL from the
    environment, or else of those of the file. Raises UserError that lists the names for one that is not among them.
    """
    address = address or os.environ.get("NOISE_LEARNING_URL")
    manifest = yaml.safe_load(Path(__file__).with_name("released.yaml").read_text())
    group = manifest[kind][scale]
    known = group["names"]
    for name in names:
        if name not in known:
            raise UserError(f"{name!r} is not among the {kind} released at {scale} scale, which are {', '.join(known)}")
    found = []
    for name in dict.fromkeys(names or known):
        path = group.get("other_paths", {}).get(name, group["path"]).format(name=name)
        urls = [f"{base.rstrip('/')}/{path}" for base in ([address] if address else manifest["addresses"])]
        found.append(Release(name, tuple(urls), group.get("images"), group.get("architecture"),
                             **manifest["checksums"].get(path, {})))
    return found


def options(prog: str, description: str | None, output: str) -> argparse.ArgumentParser:
    """The options of both commands."""
    p = parser(prog, description)
    p.add_argument("names", nargs="*", help="names (default: all that were released)")
    p.add_argument("--scale", choices=["small", "large"], default="small", help="scale of the paper's data")
    p.add_argument("--output", type=Path, default=Path(output), help="folder that gets SCALE_scale/NAME")
    p.add_argument("--url", help="server with the same files (default: NOISE_LEARNING_URL from the environment, else "
                   "those of datasets/released.yaml)")
    return p


class Kind(NamedTuple):
    """What differs between datasets and encoders."""

    record: str  # the JSON file in a folder that says where it came from
    holds: dict[str, type]  # what `unpack` records
    # From a file that has come, and a folder to work in: the folder to put in place, and what to record of it.
    unpack: Callable[[Release, Path, Path], tuple[Path, dict[str, Any]]]
    # Whether all is still there of a folder with this record.
    whole: Callable[[Path, dict[str, Any]], bool]
    # What a folder with this record holds, for people.
    describe: Callable[[Path, dict[str, Any]], str]


def fetch_all(chosen: Sequence[Release], output: Path, kind: Kind) -> int:
    """Make `output`/<name> hold each release, and say so in a line each. Returns the number that could not be had.

    The reason for each of those is a line on stderr: its folder holds something else, or less than was fetched, or
    whatever `download_checked` and `kind.unpack` refuse (a file of which that raises WrongFile is removed). Raises
    UserError, and tries no more of them, when a server does not answer or the disk is full.
    """
    failed = 0
    for release in chosen:
        target, work = output / release.name, output / f"{release.name}.incomplete"
        try:
            facts = _finished(target, kind) or _fetch(release, target, work, kind)
            shutil.rmtree(work, ignore_errors=True)  # also of a command that was killed after its last step
        except (NoRoom, Unreachable):
            raise
        except UserError as problem:
            print(f"error: {problem}", file=sys.stderr, flush=True)
            failed += 1
        else:
            print(f"{kind.describe(target, facts)}; {_origin(facts)}", flush=True)
    return failed


def _origin(facts: dict[str, Any]) -> str:
    return (f"{facts['size']:,} bytes from {facts['url']}, sha256 {facts['sha256'][:12]}..., checked against "
            f"{facts.get('checked_against') or 'nothing: none is known yet, this one is recorded'}")


def _finished(target: Path, kind: Kind) -> dict[str, Any] | None:
    """The record of a finished download, None if there is nothing yet. Raises UserError if there is something else."""
    if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink() and not any(target.iterdir())):
        return None
    try:
        facts = read_record(target / kind.record, url=str, size=int, sha256=str, **kind.holds)
    except (FileNotFoundError, NotADirectoryError, UserError):
        raise UserError(f"{target} is there and was not downloaded by this command; choose another --output, or move "
                        "it away") from None
    if not kind.whole(target, facts):
        raise UserError(f"{target} no longer holds just what was downloaded; remove it and run the same command again")
    return facts


def _fetch(release: Release, target: Path, work: Path, kind: Kind) -> dict[str, Any]:
    """Fetch one release in the folder `work`, and make it `target`; returns its record."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{release.name}.lock"), f"{work} is in use by another process; wait for it"):
        facts = _finished(target, kind)  # again: another process may just have ended
        if facts is None:
            work.mkdir(exist_ok=True)
            file = work / f"unchecked-{release.file}"  # no encoder.pth, which is taken for one
            try:
                source = download_checked(release.urls, file, release.size, release.sha256)
            except UserError:
                if not any(work.glob(".*.part")):  # nothing came of it
                    shutil.rmtree(work)
                raise
            try:
                # In a folder of this file's: what was unpacked of another, before a kill, is not mixed with it.
                folder, holds = kind.unpack(release, file, work / source["sha256"][:12])
            except WrongFile as problem:
                shutil.rmtree(work)
                raise UserError(f"{problem}; it came from {source['url']} and was removed: run the same command again, "
                                "or name another server with --url") from None
            known = " and ".join(key for key in ("size", "sha256") if getattr(release, key))
            facts = {"name": release.name, **holds, **source,
                     "checked_against": f"{known} in datasets/released.yaml" if known else None,
                     "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}
            write_json(work / kind.record, facts)
            os.replace(work / kind.record, folder / kind.record)
            os.replace(folder, target)
    return facts
