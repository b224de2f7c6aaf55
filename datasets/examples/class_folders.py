"""Files in class folders, and what is kept for measuring where nobody has said."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from utils.cli import UserError
from utils.seeding import permutation, stable_key

HELD_OUT = 5  # one in so many


class Placed(NamedTuple):
    file: str  # below the folder
    split: str
    label: str


def files_below(root: Path, extensions: Sequence[str]) -> list[str]:
    """The names below `root` of all files with these extensions, sorted, but for hidden ones. Raises UserError if
    there is none."""
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*")
                   if path.suffix.lower() in extensions and path.is_file() and not path.name.startswith("."))
    if not found:
        raise UserError(f"no {' or '.join(extensions)} files in {root} or its subfolders")
    return found


def class_folders(root: Path, extensions: Sequence[str]) -> list[Placed]:
    """The files of train/<class>/ and val/<class>/ (or test/), or of <class>/ alone, of which a fifth is measured on.

    Raises UserError for a file that lies in no class folder.
    """
    names = files_below(root, extensions)
    pattern = r"(train|val|test)/([^/]+)/.+" if (root / "train").is_dir() else r"()([^/]+)/.+"
    found = [re.fullmatch(pattern, name) for name in names]
    if None in found:
        raise UserError(f"{root / names[found.index(None)]} lies in no class folder; files are expected in {root}/"
                        f"train/<class>/ and {root}/val/<class>/, or in {root}/<class>/")
    out = held_out([m[2] for m in found])
    return [Placed(name, m[1] or ("val" if k in out else "train"), m[2])
            for k, (name, m) in enumerate(zip(names, found, strict=True))]


def held_out(groups: Sequence[str]) -> set[int]:
    """The positions of one in HELD_OUT of the members of each group, at least one of a group that has two;
    always the same. groups: whose member each position is."""
    members = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    chosen: set[int] = set()
    for group, positions in members.items():
        count = max(round(len(positions) / HELD_OUT), 1) if len(positions) > 1 else 0
        order = permutation(stable_key("held out", group), 0, len(positions))
        chosen.update(positions[k] for k in order[:count])
    return chosen
