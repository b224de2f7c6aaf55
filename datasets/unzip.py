"""Unpacking zip archives from elsewhere: nothing is written outside the folder, and no more than was allowed.

    unzip(Path("stat-wmm.zip"), Path("stat-wmm"), members=200_000, size=10 << 30)

The files go to a hidden folder beside, `.stat-wmm.part`, which takes its name when all are there. A stopped extraction
goes on: what has the size and the CRC that the archive names is kept.
"""

import errno
import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from datasets.download import WrongFile
from utils.cli import UserError
from utils.files import crc32, errors_name, human_bytes
from utils.progress import Progress

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unzip(archive: Path, folder: Path, members: int, size: int) -> None:
    """Unpack the zip file `archive` as `folder`; nothing is done if that is there.

    members: files and folders it may hold. size: bytes its files may have, unpacked. Raises WrongFile if it is damaged
    or no zip archive. Raises UserError if it holds more, is encrypted, or has a member that is a link, is there twice,
    or has a name that leaves the folder; and if the disk has no room.
    """
    if folder.exists():
        return
    partial = folder.with_name(f".{folder.name}.part")
    try:
        with zipfile.ZipFile(archive) as source:
            files = _files(archive, source, members, size)
            todo = _missing(partial, files)
            need, free = sum(info.file_size for info in todo.values()), shutil.disk_usage(partial).free
            if need > free:
                raise UserError(f"{folder} needs {human_bytes(need)} more, but {human_bytes(free)} are free; make room "
                                "and run the same command again")
            with Progress(len(files), f"unpacking {archive.name}", "files", done=len(files) - len(todo)) as progress:
                for name, info in todo.items():
                    _write(source, info, partial / name)
                    progress.update(1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which a place before the file's begin gives
            raise
        raise WrongFile(f"{archive} is damaged, or no zip archive ({str(error) or type(error).__name__})") from None
    os.replace(partial, folder)


def _files(archive: Path, source: zipfile.ZipFile, members: int, size: int) -> dict[str, zipfile.ZipInfo]:
    """The plain files in the archive by their path in the folder, after all checks that need no unpacking."""
    def refused(what: str) -> UserError:
        return UserError(f"{archive} holds {what}; it is kept, and nothing was unpacked: look into it, or remove it to "
                         "have it fetched anew")

    infos = source.infolist()
    if len(infos) > members:
        raise refused(f"{len(infos):,} files and folders, more than the {members:,} it may hold")
    unpacked = sum(info.file_size for info in infos)  # no more is ever written: zipfile stops at a file's stated size
    if unpacked > size:
        raise refused(f"{human_bytes(unpacked)} when unpacked, more than the {human_bytes(size)} it may have")
    files: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path, is_folder = PurePosixPath(info.filename), info.filename.endswith("/")
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or not (path.parts or is_folder):
            raise refused(f"{info.filename!r}, which could leave the folder")
        if len(path.parts) > 50 or any(len(os.fsencode(part)) > 255 for part in path.parts):
            raise refused(f"{info.filename[:80]!r}..., a name that is too long for a file")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):  # the mode, from Unix
            raise refused(f"{info.filename!r}, which is a link or a device, not a plain file")
        if info.flag_bits & 1 or info.compress_type not in METHODS:
            raise refused(f"{info.filename!r}, which is encrypted or packed by another method than deflate")
        if is_folder:
            continue
        if str(path) in files:
            raise refused(f"{info.filename!r} twice")
        files[str(path)] = info
    folders = {os.path.dirname(name) for name in files}
    while above := {os.path.dirname(name) for name in folders} - folders:
        folders |= above
    if clash := folders & files.keys():
        raise refused(f"{min(clash)!r} both as a file and as a folder")
    return files


def _missing(partial: Path, files: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Those of `files` that are not whole in `partial`. Makes that folder, or rids it of what is not in the archive."""
    partial.mkdir(parents=True, exist_ok=True)
    whole = set()
    for parent, _, names in os.walk(partial):
        for path in (Path(parent, name) for name in names):
            info = files.get(path.relative_to(partial).as_posix())
            if info is not None and path.stat().st_size == info.file_size and crc32(path) == info.CRC:
                whole.add(info.filename)
            else:
                path.unlink()
    return {name: info for name, info in files.items() if info.filename not in whole}


def _write(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Unpack one file. Raises BadZipFile if its CRC is not the one that the archive names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with errors_name(path), source.open(info) as packed, open(path, "wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
