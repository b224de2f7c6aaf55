"""A run folder: what was asked, on what, what happened, and whether it is finished.

    config.json       the options that decide the result; a second run with other values is refused
    environment.json  versions, device and commit of the last start that had something to do
    metrics.jsonl     one line a step
    done.json         written last
"""

import contextlib
import json
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from numbers import Real
from pathlib import Path
from typing import Any

from utils.cli import UserError
from utils.files import errors_name, locked, parse_json, read_record, write_bytes, write_json


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


def changes(before: dict[str, Any], now: dict[str, Any], inside: str = "") -> str:
    """Differences, such as 'lr was 0.36, now 0.1; data.record.seed was None, now 2'; empty if nothing does. `inside`
    stands before each key."""
    said = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            said.append(changes(old, new, f"{inside}{key}."))
        elif old != new:
            old, new = ("{...}" if isinstance(value, dict) else repr(value) for value in (old, new))
            said.append(f"{inside}{key} was {old}, now {new}")
    return "; ".join(filter(None, said))


class RunFolder:
    """The folder of one run. Use `with RunFolder.open(path, config) as run:`."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics_path = path / "metrics.jsonl"

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path | str, config: dict[str, Any], **facts: Any) -> Iterator["RunFolder"]:
        """Make or re-enter the folder and hold its lock.

        `config` holds what decides the result, `facts` (device, threads ...) go to environment.json only, while the run
        is not finished. Raises UserError if another process works in the folder, if it holds a run with another config
        (the message names the options), or if it holds something else.
        """
        path = Path(path)
        cls.check(path, config)
        path.mkdir(parents=True, exist_ok=True)
        with cls._lock(path):
            for partial in path.glob(".*.tmp"):  # of a run that was killed while it saved
                partial.unlink()
            cls._compare(path, config)  # again: another run may just have begun
            if not (path / "config.json").exists():
                write_json(path / "config.json", config)
            if not (path / "done.json").exists():
                write_json(path / "environment.json", environment(**facts))
            yield cls(path)

    @classmethod
    def check(cls, path: Path | str, config: dict[str, Any]) -> None:
        """Raise what `open` would, without changing anything: a check before long preparations."""
        path = Path(path)
        with cls._lock(path) if (path / ".lock").exists() else contextlib.nullcontext():
            cls._compare(path, config)

    @staticmethod
    def _lock(path: Path) -> contextlib.AbstractContextManager[None]:
        return locked(path / ".lock", f"{path} is in use by another run; wait for it, or choose another --output")

    @staticmethod
    def _compare(path: Path, config: dict[str, Any]) -> None:
        record = path / "config.json"
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; choose another --output")
        if record.exists():
            now = json.loads(json.dumps(config))  # what a file can hold: tuples become lists
            said = changes(read_record(record), now)
            if said:
                raise UserError(f"{path} holds a run with other options ({said}); repeat them to resume it, "
                                "or choose another --output")
        elif path.exists() and any(not p.name.startswith(".") for p in path.iterdir()):
            raise UserError(f"{path} holds files but no config.json, so it is no run folder; choose another --output")

    def done(self, *numbers: str) -> dict[str, Any] | None:
        """The done-record, or None while the run is unfinished. Raises UserError if it lacks one of `numbers`."""
        path = self.path / "done.json"
        return read_record(path, **dict.fromkeys(numbers, Real)) if path.exists() else None

    def finish(self, **summary: Any) -> None:
        """Write the done-record: the last thing a run does."""
        write_json(self.path / "done.json", summary)

    def keep_metrics(self, last_step: int) -> None:
        """Drop lines that record no step, and those after `last_step`, which the resumed checkpoint lacks."""
        if self.metrics_path.exists():
            kept = [json.dumps(values) + "\n" for values in self.metrics() if values["step"] <= last_step]
            write_bytes(self.metrics_path, "".join(kept).encode())

    def log(self, **values: Any) -> None:
        """Append one line to metrics.jsonl, at once visible to others."""
        with errors_name(self.metrics_path), open(self.metrics_path, "a") as file:
            file.write(json.dumps(values) + "\n")

    def metrics(self, *numbers: str) -> list[dict[str, Any]]:
        """The steps in metrics.jsonl, none if it is not there. A line that is cut off, records no step, or lacks one of
        `numbers` is passed over."""
        steps = []
        for line in self.metrics_path.read_bytes().splitlines(keepends=True) if self.metrics_path.exists() else ():
            with contextlib.suppress(ValueError):
                values = parse_json(line)
                if (isinstance(values, dict) and isinstance(values.get("step"), int) and line.endswith(b"\n")
                        and all(isinstance(values.get(name), Real) for name in numbers)):
                    steps.append(values)
        return steps
