"""Image folders whose latents are known: those of `generators.latent_scene`, and the archive of 3DIdent.

    <root>/latents.npy   <root>/train/00000000/00000000.jpg ...       ours
    <root>/raw_latents.npy   <root>/images/000000.png ...             3DIdent (Zenodo 4502485), its train or test folder

Image number i, by rising number of its name, belongs to row i of the latents. Nothing is decoded before it is asked
for.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.image_folders.folder import list_images, read_rgb
from utils.cli import UserError
from utils.cpus import usable_cpus

LATENTS = ("latents.npy", "raw_latents.npy")


class LatentImages:
    """The images of a folder and their latents, float64 [N, n], each column brought to [-1, 1] if it is not there.

    Raises UserError for a folder without latents or images, for latents of another shape or not finite, and where the
    two do not match in number.
    """

    def __init__(self, root: Path | str):
        root = Path(root)
        files = [root / name for name in LATENTS if (root / name).is_file()]
        if not files:
            raise UserError(f"{root} has no {' or '.join(LATENTS)}; pass a folder of python -m generators latent_scene,"
                            " or the train folder of 3DIdent")
        self.root, self.latents = root, _read_latents(files[0])
        self.paths = sorted(list_images(root), key=_number)
        if len(self.paths) != len(self.latents):
            raise UserError(f"{root} has {len(self.paths):,} images but {len(self.latents):,} rows in {files[0].name}; "
                            "they do not belong together: unpack, or make, both again")

    def read(self, indices: Sequence[int], resolution: int) -> np.ndarray:
        """Images `indices`, brought to this size: uint8 [N, resolution, resolution, 3]. Raises UserError for a file
        that is no image."""
        def one(index: int) -> np.ndarray:
            image = read_rgb(self.paths[index])
            if image.size != (resolution, resolution):
                image = image.resize((resolution, resolution), Image.Resampling.BILINEAR)
            return np.asarray(image)

        with ThreadPoolExecutor(usable_cpus()) as pool:
            return np.stack(list(pool.map(one, indices)))


def _read_latents(path: Path) -> np.ndarray:
    try:
        latents = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is not an array ({error}); unpack, or make, it again") from None
    if latents.ndim != 2 or len(latents) < 2 or latents.dtype.kind not in "fiu" or not np.isfinite(latents).all():
        raise UserError(f"{path} must hold a row of finite numbers for each image, not {latents.dtype} "
                        f"{list(latents.shape)}")
    latents = latents.astype(np.float64)
    low, high = latents.min(0), latents.max(0)
    if not (low < high).all():
        raise UserError(f"column {int(np.argmin(low < high))} of {path} is constant, so nothing can recover it; leave "
                        "it out")
    outside = (low < -1) | (high > 1)
    return np.where(outside, 2 * (latents - low) / (high - low) - 1, latents)


def _number(path: Path) -> int:
    if not path.stem.isdecimal():
        raise UserError(f"{path} has no number for a name, so that its latents cannot be told; images are called "
                        "000000.png and so on")
    return int(path.stem)
