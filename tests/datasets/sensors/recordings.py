"""Recordings in the published formats: sinusoids whose frequency tells the activity."""

from pathlib import Path

import numpy as np


def pamap2(root: Path, subjects=(101, 105, 106), rows: int = 130) -> Path:
    """Protocol/subject<k>.dat, 54 columns at 100 Hz. Each subject walks, does something without a name (0), walks
    again, and lies; heart rate is there in every 11th row, as in the published files."""
    (root / "Protocol").mkdir(parents=True)
    for subject in subjects:
        activity = np.repeat([4, 0, 4, 1], [rows, rows // 2, rows - 30, rows])
        time = 8.38 + 0.01 * np.arange(len(activity))
        table = np.full((len(activity), 54), np.nan)
        table[:, 0], table[:, 1] = time, activity
        table[::11, 2] = 100 + activity[::11]
        frequency = np.where(activity == 4, 2.0, 0.2)
        table[:, 3:] = np.sin(2 * np.pi * frequency * time)[:, None] * np.linspace(0.5, 2, 51)
        table[5, 7] = np.nan
        np.savetxt(root / f"Protocol/subject{subject}.dat", table, fmt="%.6g")
    return root


def csv_folder(root: Path, files: int = 5, rows: int = 64) -> Path:
    """<class>/<k>.csv, three named channels."""
    random = np.random.default_rng(0)
    for name, frequency in (("slow", 1), ("fast", 9)):
        (root / name).mkdir(parents=True)
        for k in range(files):
            time = np.linspace(0, 1, rows)[:, None]
            table = np.sin(2 * np.pi * frequency * time + random.uniform(0, 6, 3)) + 0.1 * random.normal(size=(rows, 3))
            np.savetxt(root / f"{name}/{k}.csv", table, fmt="%.5f", delimiter=",", header="x,y,z", comments="")
    return root
