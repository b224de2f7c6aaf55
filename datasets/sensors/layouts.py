"""How sensor recordings lie on disk: windows, splits and labels, and reading a window's recording.

A layout has `examples(root, window)` and `recording(root, file)`, float64 [rows, C] without gaps. Windows of training
examples overlap by half, others not at all.
"""

from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from datasets.examples.class_folders import class_folders
from datasets.examples.store import Example
from datasets.sensors.tables import read_table, windows_of, without_gaps
from utils.cli import UserError


class Layout(Protocol):
    name: str
    tasks: tuple[str, ...]
    window: int  # rows, unless asked otherwise

    def examples(self, root: Path, window: int) -> list[Example]: ...

    def recording(self, root: Path, file: str) -> np.ndarray: ...


def _step(split: str, window: int) -> int:
    return max(window // 2, 1) if split == "train" else window


PAMAP2 = {1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling", 7: "nordic walking",
          12: "ascending stairs", 13: "descending stairs", 16: "vacuum cleaning", 17: "ironing", 24: "rope jumping"}


class Pamap2:
    """PAMAP2 (Reiss and Stricker 2012): Protocol/subject10<k>.dat, 54 columns at 100 Hz: time, activity, heart rate and
    three units of 17. Subject 5 is val, 6 is test, the others are trained on (Tamkin et al. 2021)."""

    name, tasks, window = "pamap2", ("activity", "subject"), 1000
    APART = 0.05  # seconds between two rows from which on they belong to two bouts

    def examples(self, root: Path, window: int) -> list[Example]:
        """Windows of `window` rows within one bout of one activity. Raises UserError if a split has none."""
        found, splits = [], set()
        for path in self._files(root):
            table = self._table(path)
            subject = path.stem.removeprefix("subject")
            split = {"105": "val", "106": "test"}.get(subject, "train")
            splits.add(split)
            for start, end in self.bouts(table):
                label = PAMAP2.get(int(table[start, 1]))
                if label:
                    found += [Example(path.name, split, (label, subject), start + first)
                              for first in windows_of(end - start, window, _step(split, window))]
        if lacking := sorted(splits - {example.split for example in found}):
            raise UserError(f"{root}: no activity lasts {window} rows in its recordings of {lacking[0]}; pass a "
                            "smaller --window")
        return found

    def recording(self, root: Path, file: str) -> np.ndarray:
        path = next(path for path in self._files(root) if path.name == file)
        return without_gaps(self._table(path)[:, 2:])

    def bouts(self, table: np.ndarray) -> list[tuple[int, int]]:
        """First row and end of each stretch with one activity and no leap in time."""
        leap = (np.diff(table[:, 0]) > self.APART) | (np.diff(table[:, 1]) != 0)
        return list(pairwise([0, *(np.flatnonzero(leap) + 1).tolist(), len(table)]))

    def _files(self, root: Path) -> list[Path]:
        folder = root / "Protocol" if (root / "Protocol").is_dir() else root
        files = sorted(folder.glob("subject*.dat"))
        if not files:
            raise UserError(f"{folder} has no subject101.dat and so on; pass the folder PAMAP2_Dataset")
        return files

    def _table(self, path: Path) -> np.ndarray:
        table = read_table(path)
        if table.shape[1] != 54:
            raise UserError(f"{path} has {table.shape[1]} columns, and PAMAP2 has 54; pass the folder PAMAP2_Dataset")
        return table


class CsvFolder:
    """Any recordings: CSV files in class folders, all with the same columns."""

    name, tasks, window = "csv", ("class",), 128

    def examples(self, root: Path, window: int) -> list[Example]:
        found, columns = [], None
        for file, split, label in class_folders(root, (".csv",)):
            table = read_table(root / file)
            columns = columns or (table.shape[1], file)
            if table.shape[1] != columns[0]:
                raise UserError(f"{root / file} has {table.shape[1]} columns, and {columns[1]} has {columns[0]}; all "
                                "need the same")
            if len(table) < window:
                raise UserError(f"{root / file} has {len(table)} rows, too few for a window of {window}; remove it, or "
                                "pass a smaller --window")
            found += [Example(file, split, (label,), first)
                      for first in windows_of(len(table), window, _step(split, window))]
        return found

    def recording(self, root: Path, file: str) -> np.ndarray:
        return without_gaps(read_table(root / file))


class Uea:
    """A data set of the UEA archive in the .ts format (Bagnall et al. 2018): <name>_TRAIN.ts and <name>_TEST.ts, a
    series a line, its channels separated by colons and its class last. BasicMotions comes with the package aeon."""

    name, tasks, window = "uea", ("class",), 100

    def examples(self, root: Path, window: int) -> list[Example]:
        found = []
        for split, file in self._files(root).items():
            for number, line in enumerate(self._series(file)):
                *channels, label = line.split(":")
                rows = channels[0].count(",") + 1
                if rows < window:
                    raise UserError(f"{file}, series {number} has {rows} rows, too few for a window of {window}; pass "
                                    "a smaller --window")
                found += [Example(f"{file.name}:{number}", split, (label.strip(),), first)
                          for first in windows_of(rows, window, _step(split, window))]
        return found

    def recording(self, root: Path, file: str) -> np.ndarray:
        name, _, number = file.rpartition(":")
        channels = self._series(root / name)[int(number)].split(":")[:-1]
        try:
            values = [[float(x.replace("?", "nan")) for x in channel.split(",")] for channel in channels]
            return without_gaps(np.array(values).T)
        except ValueError:
            raise UserError(f"{root / name}, series {number}: its channels differ in length, or hold what is no "
                            "number; download it again") from None

    def _files(self, root: Path) -> dict[str, Path]:
        found = {split: sorted(root.glob(f"*_{split.upper()}.ts")) for split in ("train", "test")}
        if any(len(files) != 1 for files in found.values()):
            raise UserError(f"{root} does not hold one <name>_TRAIN.ts and one <name>_TEST.ts; pass the folder of one "
                            "data set")
        return {split: files[0] for split, files in found.items()}

    def _series(self, path: Path) -> list[str]:
        lines = [line for line in path.read_text("utf-8").split("\n") if line.strip() and line[0] not in "#@"]
        if not lines or any(":" not in line for line in lines):
            raise UserError(f"{path} holds no series with classes; it is no .ts file")
        return lines


def basic_motions() -> Path:
    """Where the package aeon keeps BasicMotions: 40 + 40 series of four activities, 6 channels of 100 rows at 10 Hz,
    from a smart watch. Its code is not run. Raises UserError if it is not installed."""
    try:
        folder = Path(str(distribution("aeon").locate_file("aeon/datasets/data/BasicMotions")))
    except PackageNotFoundError:
        raise UserError("BasicMotions comes with the package aeon; pip install --no-deps aeon") from None
    return folder


LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (Pamap2(), CsvFolder(), Uea())}
