"""The folder of a prepared task of VTAB: making it from a route's parts, and what state it is in.

Until a task is whole it lies in <root>/<task>.incomplete, and the same command goes on there (`python -m datasets.vtab
--help` says what is written).
"""

import importlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

from datasets.image_folders.record import RECORD, make_record, record_of
from datasets.vtab.images import count_images, remove_leftovers, write_image
from datasets.vtab.shards import SERVER
from datasets.vtab.tasks import ROUTES, VtabTask
from utils.cli import UserError
from utils.files import locked, read_json, write_json
from utils.progress import Progress


def prepare(task: VtabTask, root: Path, route: str | None = None, source: Path | None = None,
            partial: bool = False) -> dict[str, Any]:
    """Make `root`/<task> hold the images of `task`; returns its record, dataset.json.

    route: one of task.routes (default: the first). source: the folder of its files; None downloads them. partial:
    accept other numbers of images than VTAB's. Does nothing if it was done before.

    Raises UserError if the task has no such route, if `root` holds something else there, or less than was prepared, or
    what another process prepares or another source began, for whatever is wrong in the source, and for wrong counts;
    what was written stays in <task>.incomplete.
    """
    folder, work = root / task.name, root / f"{task.name}.incomplete"
    if route not in (None, *task.routes):
        raise UserError(f"{task.name} cannot be prepared by --route {route}; it has {' and '.join(task.routes)}")
    if source is not None and not source.is_dir():
        raise UserError(f"--source {source} is not a folder")
    record = _finished(task, folder, route, partial)
    if record and not work.exists():
        return record
    work.mkdir(parents=True, exist_ok=True)
    with locked(work / ".lock", f"{work} is in use by another process; wait for it"):
        record = _finished(task, folder, route, partial)  # again: another process may just have ended
        if record is None:
            route = route or task.routes[0]
            try:
                _fill(task, route, source, partial, work)
                record = _checked(task, route, source, partial, work)
            except UserError:
                if not any(path.is_file() for path in work.glob("*/**/*")):  # nothing came of it
                    shutil.rmtree(work)
                raise
            write_json(work / "images" / RECORD, record)
            os.replace(work / "images", folder)
        shutil.rmtree(work)
    return record


def _record(task: VtabTask, folder: Path) -> dict[str, Any] | None:
    """The record of a prepared task, None if there is none yet. Raises UserError if the folder is not ours."""
    if not folder.exists():
        return None
    try:
        record = record_of(folder)
    except (NotADirectoryError, UserError):
        record = {}
    if record.get("name") != task.full_name or "route" not in record or record["counts"].keys() != {"train", "val"}:
        raise UserError(f"{folder} was not made by this command; move it away, or choose another --root")
    return record


def counted(record: dict[str, Any]) -> str:
    return f"{record['counts']['train']:,} train and {record['counts']['val']:,} val"


def _finished(task: VtabTask, folder: Path, route: str | None, partial: bool) -> dict[str, Any] | None:
    """The record of a prepared task, None if there is none yet. Raises UserError if it is not what is asked for, or if
    images were removed since, which takes seconds to see for the largest.
    """
    record = _record(task, folder)
    if record is None:
        return None
    if route not in (None, record["route"]):
        raise UserError(f"{folder} was prepared by --route {record['route']}; remove it to prepare it by {route}")
    if not (record["complete"] or partial):
        raise UserError(f"{folder} was prepared with --partial ({counted(record)} images); remove it to "
                        "prepare all of it, or pass --partial to keep it")
    for split, count in record["counts"].items():
        found = sum(not name.startswith(".") for _, _, names in os.walk(folder / split) for name in names)
        if found != count:
            raise UserError(f"{folder}/{split} holds {found:,} of its {count:,} images; remove {folder} and run the "
                            "same command again")
    return record


def _begun(work: Path) -> dict[str, Any] | None:
    """How the preparation in `work` was begun and which parts of the source are done; None if it was not.

    Raises UserError if its note of that is damaged.
    """
    path = work / "begun.json"
    if not path.exists():
        return None
    try:
        begun = read_json(path)
    except UserError:
        begun = None
    match begun:
        case {"route": str(), "source": str() | None, "done": dict(done)}:
            if all(isinstance(count, int) for count in done.values()):
                return begun
    raise UserError(f"{path} is damaged, so what lies beside it cannot be used; remove {work}")


def _way(source: str | None) -> str:
    return f"with --source {source}" if source else "by downloading, without --source"


def _fill(task: VtabTask, route: str, source: Path | None, partial: bool, work: Path) -> None:
    """Write the images of all parts of the source that are not done yet to `work`/images."""
    origin = str(source.resolve()) if source else None
    begun = _begun(work) or {"route": route, "source": origin, "done": {}}
    if begun["route"] != route:
        raise UserError(f"{work} was begun by --route {begun['route']}; pass that to go on, or remove the folder")
    if begun["source"] != origin:  # its images would mix with those of the first
        raise UserError(f"{work} was begun {_way(begun['source'])}, not {_way(origin)}; pass the first again to go on, "
                        f"or remove {work}")
    write_json(work / "begun.json", begun)
    remove_leftovers(work / "images")
    parts = importlib.import_module(f"datasets.vtab.{route}").parts  # now: torchvision takes seconds to import
    done = begun["done"]
    with Progress(sum(task.sizes(route)[1:]), task.name, "images", done=sum(done.values())) as progress:
        for name, images in parts(task, source, work / "download", partial):
            if name in done:
                continue
            count = 0
            for image in images:
                write_image(work / "images", image)
                progress.update(1)
                count += 1
            done[name] = count
            write_json(work / "begun.json", begun)


def _checked(task: VtabTask, route: str, source: Path | None, partial: bool, work: Path) -> dict[str, Any]:
    """The record of what lies in `work`/images. Raises UserError for a class without images and, unless `partial`, for
    other numbers of images than VTAB's.
    """
    counts = count_images(work / "images", task.classes)
    split, *sizes = task.sizes(route)
    wrong = [f"{place} has {sum(counts[place]):,} images instead of {size:,}"
             for place, size in zip(("train", "val"), sizes, strict=True) if sum(counts[place]) != size]
    empty = [f"{place} has no image of class {label}" for place in counts for label in range(task.classes)
             if not counts[place][label]]
    if empty or (wrong and not partial):
        more = f" (and {len(empty) - 3} more)" if len(empty) > 3 else ""
        ways = [f"remove {work} to begin anew"] + ([] if empty else ["take it as it is with --partial"])
        if source is not None:
            write_json(work / "begun.json", {**(_begun(work) or {}), "done": {}})
            ways.insert(0, f"complete {source} and run the same command again, which looks at all of it")
        raise UserError(f"{task.name}: {'; '.join(wrong + empty[:3])}{more}; {', or '.join(ways)}")
    return make_record(task.full_name, ROUTES[route], {place: sum(numbers) for place, numbers in counts.items()},
                       complete=not wrong, selection="uniform", family="vtab", classes=task.classes, route=route,
                       split=split, note=task.note(route))


def status_line(task: VtabTask, root: Path) -> tuple[str, str]:
    """The state of `task` in `root` (ready, partial, incomplete, missing, foreign or damaged), and what is there, the
    next command or what is wrong. Images of a prepared task are not counted.
    """
    folder, work = root / task.name, root / f"{task.name}.incomplete"
    try:
        record = _record(task, folder)
    except UserError as error:
        return "foreign", str(error)
    if record is not None:
        there = f"{counted(record)}, {record['route']} ({record['split']})"
        if record["complete"]:
            return "ready", there
        return "partial", f"{there}; for all: {_all_images(task, record['route'], root)}"
    try:
        begun = _begun(work)
    except UserError as error:
        return "damaged", str(error)
    if begun is None:
        return "missing", _command(task, root)
    counts = count_images(work / "images", task.classes)
    sizes = dict(zip(counts, task.sizes(begun["route"])[1:], strict=True))
    there = ", ".join(f"{sum(counts[split]):,} of {sizes[split]:,} {split}" for split in counts)
    return "incomplete", f"{there}; {_command(task, root, begun['route'], begun['source'])}"


def _command(task: VtabTask, root: Path, route: str | None = None, source: str | None = None) -> str:
    """The command that prepares `task` or goes on with it."""
    words = ["python", "-m", "datasets.vtab", "prepare", task.name, "--root", str(root)]
    words += ["--route", route] if route not in (None, task.routes[0]) else []
    return shlex.join(words + (["--source", source] if source else []))


def _all_images(task: VtabTask, route: str, root: Path) -> str:
    """What to do for the images that a partial source lacks."""
    if route != "shards":
        return f"complete its files, remove {root / task.name}, {_command(task, root, route, 'DIR')}"
    return (f"fetch {SERVER}/{task.repository} to DIR, remove {root / task.name}, "
            f"{_command(task, root, source='DIR')}")
