"""KITTI Masks (Klindt et al., ICLR 2021; Zenodo 3931823): 64×64 masks of pedestrians in video, in one pickle.

The file holds a dict, under "pedestrians" a list of sequences [frames, 64, 64], each of one pedestrian. A pickle can
run code when it is read; this one is read by an unpickler that knows arrays and plain containers only.
"""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np

from utils.cli import UserError

SIZE = 64
FACTORS = ("vertical centre", "horizontal centre", "area")
_KNOWN = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")} | {
    (module, name) for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in
    ("_reconstruct", "scalar")} | {(module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")}


class _Arrays(pickle.Unpickler):
    """Refuses everything but arrays, numbers, text and containers of them."""

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core") if np.lib.NumpyVersion(np.__version__)
                                  >= "2.0.0" else module.replace("numpy._core", "numpy.core"), name)


def read_masks(path: Path | str) -> list[np.ndarray]:
    """The sequences of the file: bool [frames, 64, 64] each, of two frames or more, none of them empty.

    Frames without a pedestrian end a sequence. Raises UserError for a file that is not there, holds other objects than
    arrays, or arrays of another shape.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file; KITTI Masks is one pickle, from Zenodo 3931823")
    try:
        with open(path, "rb") as file:
            content = _Arrays(file, encoding="latin1").load()
    except Exception as error:  # damaged bytes can raise anything
        raise UserError(f"{path} is not a pickle of arrays ({repr(error)[:120]}); download it again") from None
    sequences = content.get("pedestrians") if isinstance(content, dict) else None
    if not isinstance(sequences, (list, tuple, np.ndarray)) or not len(sequences):
        raise UserError(f"{path} has no list of sequences under 'pedestrians'; this is another archive")
    kept: list[np.ndarray] = []
    for number, sequence in enumerate(sequences):
        masks = np.asarray(sequence)
        if masks.ndim != 3 or masks.shape[1:] != (SIZE, SIZE) or masks.dtype.kind not in "biuf":
            raise UserError(f"sequence {number} of {path} is {masks.dtype} {list(masks.shape)}, not [frames, {SIZE}, "
                            f"{SIZE}]; this is another archive")
        masks = masks > 0
        empty = np.flatnonzero(~masks.any((1, 2)))
        edges = [-1, *empty.tolist(), len(masks)]
        kept += [masks[a + 1 : b] for a, b in pairwise(edges) if b - a > 2]
    if not kept:
        raise UserError(f"{path} has no sequence of two frames with a pedestrian; this is another archive")
    return kept


def factors(masks: np.ndarray) -> np.ndarray:
    """The measured factors of masks, bool [N, 64, 64], none empty: float64 [N, 3], as in FACTORS, in pixels."""
    area = masks.sum((1, 2)).astype(np.float64)
    along = np.arange(SIZE)
    return np.column_stack([(masks.sum(2) @ along) / area, (masks.sum(1) @ along) / area, area])
