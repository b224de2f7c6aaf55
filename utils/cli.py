"""One way for every command to start, and one way to say what is wrong: a single clear line and an exit code."""

import argparse
import errno
import io
import math
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO


class UserError(Exception):
    """Something the person at the keyboard can put right; the message says what is wrong and what to do."""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there are any, and keeps the example commands of the module docstring as written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        for kind, meant in (("int", "a whole number"), ("float", "a number")):
            message = message.replace(f"invalid {kind} value:", f"must be {meant}, not")
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def parser(prog: str, description: str | None) -> Parser:
    """An argument parser whose help opens with `description`, usually the module's docstring."""
    return Parser(prog, description=description, formatter_class=HelpFormatter, allow_abbrev=False)


def positive_int(text: str) -> int:
    """Argument type for counts: an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def whole_number(text: str) -> int:
    """Argument type for counts that may be 0: an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, not {text!r}")
    return int(text)


def non_negative(text: str) -> float:
    """Argument type for rates and weights: a number from 0 to 1e30 (beyond it float32 arithmetic has no room left)."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e30:  # NaN is refused too
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1e30, not {text!r}")
    return value


def share(text: str) -> float:
    """Argument type for a part of a whole: a number from 0 to 1."""
    value = non_negative(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return value


# Conditions of the machine, not faults of the program: one line is enough.
_MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.ENOTDIR,
                   errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.EIO,
                   errno.ENOMEM}


class _Heard(io.FileIO):
    """A file descriptor that leads nowhere once its reader has left (`... | head`, a closed terminal)."""

    def write(self, data: Any) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # for what starts later, too
            return super().write(data)


def _output(stream: Any, descriptor: int) -> TextIO:
    """stdout (1) or stderr (2) that never raises: not when its reader has left, not when it is closed from the start,
    and not for file names that are not UTF-8."""
    if stream is None:
        try:
            os.fstat(descriptor)
        except OSError:  # the next file that is opened would take its number, and what C libraries print
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return open(os.devnull, "w", errors="backslashreplace")
    raw = _Heard(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw if stream.write_through else io.BufferedWriter(raw), stream.encoding,
                            "backslashreplace", line_buffering=stream.line_buffering,
                            write_through=stream.write_through)


def run(main: Callable[[], int | None]) -> None:
    """Call `main` and exit: 0 (or its return value) when it ends, 1 with one line on stderr for a foreseeable problem,
    130 on ctrl-C. Any other exception is a fault of ours and keeps its traceback.

    What `main` prints can always be printed, and `main` ends its work whether or not someone is left to read it.
    """
    if sys.stdout is sys.__stdout__:  # not where a test or a notebook has put something else in its place
        sys.stdout = _output(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _output(sys.stderr, 2)
    try:
        sys.exit(main() or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        print(f"error: not enough memory{what}; ask for less at a time, or for fewer workers", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{os.strerror(error.errno)}", file=sys.stderr)
        sys.exit(1)
