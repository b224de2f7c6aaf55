"""Figures as files."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from utils.files import atomic_open

UNDATED = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
           "svg": {"Date": None, "Creator": None}}


def save_figure(figure: Figure, path: Path, form: str = "png", dpi: int = 110) -> None:
    """Write the figure whole or not at all, as one of UNDATED whatever `path` is called, and without the time and
    versions, so that the same numbers give the same file."""
    with atomic_open(path) as file, matplotlib.rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(file, format=form, dpi=dpi, metadata=UNDATED[form])
