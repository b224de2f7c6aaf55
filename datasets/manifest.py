"""What the authors released (released.yaml), and fetching it: what `datasets.released` and `models.released` share.

A release is fetched to <name>.incomplete, which also holds its lock, and takes its place, a folder with a record of
where it came from, as the last step. A stopped command goes on; a finished one has nothing to do.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasets.download import WrongFile, download_checked
from utils.cli import UserError, parser
from utils.files import locked, read_json, write_json

NAMED = Path(__file__).parents[1] / "generators" / "datasets.yaml"  # read, as data: generators/ builds on this room


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

    kind: 'datasets' or 'encoders'. scale: 'small' or 'large'. address: in place of those of the file. Raises UserError
    that lists the names for one that is not among them.
    """
    manifest = yaml.safe_load(Path(__file__).with_name("released.yaml").read_text())
    group = manifest[kind][scale]
    known = group["names"]
    if known == "trained":
        known = [name for name, entry in yaml.safe_load(NAMED.read_text()).items() if entry["trained"]]
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
    p.add_argument("names", nargs="*", help="which (default: all that were released)")
    p.add_argument("--scale", choices=["small", "large"], default="small", help="that of the paper's experiments")
    p.add_argument("--output", type=Path, default=Path(output), help="folder that gets SCALE_scale/NAME")
    p.add_argument("--url", default=os.environ.get("NOISE_LEARNING_URL"), help="server with the same files "
                   "(default: NOISE_LEARNING_URL from the environment, else those of datasets/released.yaml)")
    return p


class Kind(NamedTuple):
    """What differs between datasets and encoders."""

    record: str  # the JSON file in a folder that says where it came from
    # From a file that has come, and a folder to work in: the folder to put in place, and what to record of it.
    unpack: Callable[[Release, Path, Path], tuple[Path, dict[str, Any]]]
    # Whether all is still there of a folder with this record.
    whole: Callable[[Path, dict[str, Any]], bool]


def fetch_all(chosen: Sequence[Release], output: Path, kind: Kind) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Make `output`/<name> hold each release; yields each folder with its record.

    Raises UserError, before anything is fetched, if one of the folders holds something else, or less than was fetched;
    then for whatever `download_checked` and `kind.unpack` refuse. A file of which that raises WrongFile is removed.
    """
    for release in chosen:
        _finished(output / release.name, kind)
    for release in chosen:
        target, work = output / release.name, output / f"{release.name}.incomplete"
        facts = _finished(target, kind)
        if facts is None or work.exists():
            facts = _fetch(release, target, work, kind)
        yield target, facts


def origin(facts: dict[str, Any]) -> str:
    """Where a download came from and what is known of it, for people."""
    return (f"{facts['size']:,} bytes from {facts['url']}, sha256 {facts['sha256'][:12]}..., checked against "
            f"{facts['checked_against'] or 'nothing: none is known yet, this one is recorded'}")


def _finished(target: Path, kind: Kind) -> dict[str, Any] | None:
    """The record of a finished download, None if there is nothing yet. Raises UserError if there is something else."""
    if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink() and not any(target.iterdir())):
        return None
    facts = read_json(target / kind.record) if (target / kind.record).exists() else None
    if not isinstance(facts, dict) or "checked_against" not in facts:
        raise UserError(f"{target} is there and was not downloaded by this command; choose another --output, or move "
                        "it away")
    if not kind.whole(target, facts):
        raise UserError(f"{target} lacks some of what was downloaded; remove it and run the same command again")
    return facts


def _fetch(release: Release, target: Path, work: Path, kind: Kind) -> dict[str, Any]:
    """Fetch one release in the folder `work`, and make it `target`; returns its record."""
    work.mkdir(parents=True, exist_ok=True)
    with locked(work / ".lock", f"{work} is in use by another process; wait for it"):
        facts = _finished(target, kind)  # again: another process may just have ended
        if facts is None:
            file = work / f"unchecked-{release.file}"  # no encoder.pth, which is taken for one
            try:
                source = download_checked(release.urls, file, release.size, release.sha256)
            except UserError:
                if not any(work.glob("*.part")):  # nothing came of it
                    shutil.rmtree(work)
                raise
            try:
                folder, holds = kind.unpack(release, file, work)
            except WrongFile as problem:
                shutil.rmtree(work)
                raise UserError(f"{problem}; it came from {source['url']} and was removed: run the same command again, "
                                "or name another server with --url") from None
            known = " and ".join(key for key in ("size", "sha256") if getattr(release, key))
            facts = {"name": release.name, **holds, **source,
                     "checked_against": f"{known} in datasets/released.yaml" if known else None,
                     "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}
            write_json(folder / kind.record, facts)
            os.replace(folder, target)
        shutil.rmtree(work)
    return facts
