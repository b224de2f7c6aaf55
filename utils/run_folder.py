"""A run folder: what was asked, on what, what happened, and whether it is finished.

    config.json       the options that decide the result; a second run with other values is refused
    environment.json  versions, device and commit of the last start
    metrics.jsonl     one line a step
    done.json         written last
"""

import contextlib
import json
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from utils.cli import UserError
from utils.files import locked, read_json, write_bytes, write_json


def environment(**extra: Any) -> dict[str, Any]:
    """Software versions and the git commit, without paths or host names; `extra` is added."""
    def of(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    def git(*arguments: str) -> str:
        try:
            return subprocess.run(["git", "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True,
                                  timeout=10).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):  # no git, or not a clone
            return ""

    commit, dirty = git("rev-parse", "--verify", "--quiet", "HEAD"), git("status", "--porcelain", "-uno") != ""
    packages = ("torch", "torchvision", "numpy", "scipy", "pillow", "numba")
    return {"python": platform.python_version(), **{name: of(name) for name in packages},
            "git_commit": commit or None, "git_dirty": dirty if commit else None, **extra}


class RunFolder:
    """The folder of one run. Use `with RunFolder.open(path, config) as run:`."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics_path = path / "metrics.jsonl"

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path | str, config: dict[str, Any], **facts: Any) -> Iterator["RunFolder"]:
        """Make or re-enter the folder and hold its lock.

        `config` holds what decides the result, `facts` (device, threads ...) go to environment.json only. Raises
        UserError if another process works in the folder, if it holds a run with another config (the message names the
        options), or if it holds something else.
        """
        path = Path(path)
        config = json.loads(json.dumps(config))  # compare what a file can hold: tuples become lists
        record = path / "config.json"
        if path.is_dir() and any(not p.name.startswith(".") for p in path.iterdir()) and not record.exists():
            raise UserError(f"{path} holds files but no config.json, so it is no run folder; choose another --output")
        path.mkdir(parents=True, exist_ok=True)
        with locked(path / ".lock", f"{path} is in use by another run; wait for it, or choose another --output"):
            for partial in path.glob(".*.tmp"):  # of a run that was killed while it saved
                partial.unlink()
            if record.exists():
                before = read_json(record)
                changed = [key for key in sorted({*before, *config}) if before.get(key) != config.get(key)]
                if changed:
                    said = "; ".join(f"{key} was {before.get(key)!r}, now {config.get(key)!r}" for key in changed)
                    raise UserError(f"{path} holds a run with other options ({said}); repeat them to resume it, "
                                    "or choose another --output")
            else:
                write_json(record, config)
            write_json(path / "environment.json", environment(**facts))
            yield cls(path)

    @property
    def done(self) -> dict[str, Any] | None:
        """The done-record, or None while the run is unfinished."""
        path = self.path / "done.json"
        return read_json(path) if path.exists() else None

    def finish(self, **summary: Any) -> None:
        """Write the done-record: the last thing a run does."""
        write_json(self.path / "done.json", summary)

    def keep_metrics(self, last_step: int) -> None:
        """Drop the lines after `last_step` (written after the checkpoint that is resumed) and any cut-off line."""
        if not self.metrics_path.exists():
            return
        kept = []
        for line in self.metrics_path.read_bytes().splitlines(keepends=True):
            try:
                if json.loads(line)["step"] <= last_step and line.endswith(b"\n"):
                    kept.append(line)
            except ValueError:
                pass
        write_bytes(self.metrics_path, b"".join(kept))

    def log(self, **values: Any) -> None:
        """Append one line to metrics.jsonl, at once visible to others."""
        with open(self.metrics_path, "a") as file:
            file.write(json.dumps(values) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl."""
        return [json.loads(line) for line in self.metrics_path.read_text().splitlines()]
