"""What the commands of this folder share: opening a network, and laying pictures out on one sheet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from analysis.feature_space import DEFAULT
from generators.contact_sheet import GAP, TILE, block, overview, save
from linear_eval.features.find import TORCHVISION, default_name
from models import EfficientNetLite0, Encoder, Pretrained, load_encoder, random_encoder
from utils.cli import UserError

WIDTH = 1600  # pixels of a sheet, about
NETWORKS = "encoder.pth, a ResNet-50's file, torchvision:NAME, efficientnet-lite0, or random"


def open_network(name: str) -> Encoder:
    """The network that `name` stands for (`analysis.feature_space`), in evaluation mode on the CPU. Raises
    UserError."""
    if name == "random":
        return random_encoder(0)
    if name == DEFAULT:
        return EfficientNetLite0()
    return Pretrained(name.removeprefix(TORCHVISION)) if name.startswith(TORCHVISION) else load_encoder(name)


def called(name: str) -> str:
    """A network's name on a sheet: its file's or its folder's, and in <name>/seed-<k>/ that of the folder above."""
    if not Path(name).is_file():
        return name
    found = default_name(Path(name))
    return f"{Path(name).resolve().parents[1].name}, seed {found[5:]}" if found.startswith("seed-") else found


def layer_of(model: Encoder, layer: str | None) -> str:
    """`layer`, or the one that probes look at. Raises UserError if the network has none of that name."""
    if layer is not None and layer not in model.LAYERS:
        raise UserError(f"a {type(model).__name__} has no layer {layer}; choose one of {', '.join(model.LAYERS)}")
    return layer or model.PROBED


def check_units(units: Sequence[int], count: int, layer: str) -> None:
    """Raises UserError for a unit that a layer of `count` has not."""
    if max(units) >= count:
        raise UserError(f"{layer} has units 0 to {count - 1}, and no {max(units)}; choose others with --units")


def normalised(model: Encoder, images: Tensor) -> Tensor:
    """What the network takes, float32 [N, 3, S, S], of images in 0..255, [N, S, S, 3]."""
    mean, std = (torch.tensor(values, device=images.device) for values in (model.MEAN, model.STD))
    return ((images / 255 - mean) / std).permute(0, 3, 1, 2)


def enlarged(image: np.ndarray, smooth: bool = True) -> np.ndarray:
    """uint8 [TILE, TILE, 3] of a smaller or larger square."""
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(image).resize((TILE, TILE), how))


def write_sheet(blocks: Sequence[tuple[str, Sequence[np.ndarray]]], columns: int, path: Path,
                smooth: bool = True) -> None:
    """A PNG (or JPEG, by the name) with a block for each (label, pictures uint8 [S, S, 3]), narrow ones in a line."""
    across = max(WIDTH // (columns * (TILE + GAP)), 1)
    save(overview([block(label, [enlarged(picture, smooth) for picture in pictures], columns)
                   for label, pictures in blocks], across), path)


