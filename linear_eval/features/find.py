"""Where encoders lie. Not in `linear_eval.features.rows`, because that loads torch."""

import re
from collections.abc import Sequence
from pathlib import Path

from utils.cli import UserError

TORCHVISION = "torchvision:"  # before the name of a model that comes with torchvision's weights


def default_name(path: Path) -> str:
    """The name of an encoder file: that of its folder where the file's says nothing."""
    generic = path.name == "encoder.pth" or path.name.startswith("checkpoint_")
    return path.resolve().parent.name if generic else path.stem


def find_encoders(sources: Sequence[str]) -> list[tuple[str, int, str]]:
    """(name, seed, file or torchvision:NAME) of every encoder in `sources`, by seed and then name.

    A source is a file, torchvision:NAME, or a folder: encoder.pth and the last checkpoint_*.pth.tar wherever they lie
    in it, each called by its folder's name; in <name>/seed-<k>/ it is repetition k of <name>. Raises UserError for a
    source that is not there or has no encoder, and for two of one name and seed.
    """
    found: dict[tuple[int, str], str] = {}
    for source in sources:
        folder = Path(source)
        files = [source]
        if folder.is_dir():
            checkpoints = {path.parent: path for path in sorted(folder.rglob("checkpoint_*.pth.tar"))}  # last wins
            files = [str(path) for path in sorted([*folder.rglob("encoder.pth"), *checkpoints.values()])
                     if not any(part.endswith(".incomplete") for part in path.parts)]  # of a download under way
        elif not source.startswith(TORCHVISION) and not folder.is_file():
            raise UserError(f"{source} is not there; pass encoder files, folders of them, or {TORCHVISION}NAME")
        if not files:
            raise UserError(f"no encoders in {source}; they are looked for as <name>/encoder.pth, "
                            "<name>/seed-<k>/encoder.pth and <name>/checkpoint_*.pth.tar")
        for file in files:
            if file.startswith(TORCHVISION):
                key = 0, file
            else:
                file = str(Path(file).resolve())
                repetition = re.fullmatch(r"seed-(\d+)", Path(file).parent.name)
                name = Path(file).parents[1].name if repetition else default_name(Path(file))
                key = int(repetition[1]) if repetition else 0, name
            if found.setdefault(key, file) != file:
                raise UserError(f"{found[key]} and {file} are both called {key[1]}, seed {key[0]}; rename a folder")
    return [(name, seed, file) for (seed, name), file in sorted(found.items())]
