"""Recordings of sensors as tables of numbers: a row for each time, a column for each channel."""

import warnings
from pathlib import Path

import numpy as np

from utils.cli import UserError


def _number(cell: str) -> float:
    return float(cell.strip() or "nan")


def read_table(path: Path) -> np.ndarray:
    """float64 [rows, columns]; columns are separated by comma, semicolon or blanks, and a first line of names is left
    out. "NaN" and nothing between two commas are missing values, NaN.

    Raises UserError, naming the line, for rows of unequal length and for what is no number; also for an empty file.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        first = file.readline()
    separator = next((mark for mark in ",;" if mark in first), None)
    names = int(not all(map(_is_number, first.rstrip("\n").split(separator))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are no rows
            table = np.loadtxt(path, delimiter=separator, skiprows=names, ndmin=2, encoding="utf-8",
                               converters=_number if separator else None)
    except ValueError:
        raise UserError(_what_is_wrong(path, separator, names)) from None
    if not table.size:
        raise UserError(f"{path} has no rows; remove it, or copy it again")
    return table


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _what_is_wrong(path: Path, separator: str | None, names: int) -> str:
    """Of the first line that cannot be read."""
    expected = None
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            cells = line.rstrip("\n").split(separator)
            if number <= names or not line.strip():
                continue
            expected = expected or len(cells)
            if len(cells) != expected:
                return f"{path}, line {number} has {len(cells)} values where those above have {expected}; mend the file"
            if wrong := [cell for cell in cells if not _is_number(cell)]:
                return f"{path}, line {number}: {wrong[0][:40]!r} is no number; mend the file"
    return f"{path} is no table of numbers; remove it, or copy it again"


def without_gaps(table: np.ndarray) -> np.ndarray:
    """Missing values by linear interpolation along each column, at the ends the nearest, 0 in a column without any."""
    out, rows = table.copy(), np.arange(len(table))
    for column in out.T:
        there = np.isfinite(column)
        if not there.all():
            column[~there] = np.interp(rows[~there], rows[there], column[there]) if there.any() else 0
    return out


def windows_of(length: int, window: int, step: int) -> list[int]:
    """The first rows of windows that fit, `step` apart."""
    return list(range(0, length - window + 1, step))
