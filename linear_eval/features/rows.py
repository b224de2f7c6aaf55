"""A row of a table: what is probed. An encoder, one that was never trained, or features that no network made."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linear_eval.features.baselines import ALL
from linear_eval.features.find import TORCHVISION, default_name
from linear_eval.features.frozen import SMALL_VIEW, Features, View, encoder_features
from linear_eval.released_encoders import check_recorded
from linear_eval.results import is_text
from models import Encoder, Pretrained, ResNet18, ResNet50, SmallAlexNet, load_encoder, random_encoder
from utils.cli import UserError
from utils.devices import choose_precision
from utils.files import sha256

RANDOM_INIT = "random initialisation"
KIND = ("architecture", "width", "channels", "stem")  # facts that say which network a row has, whatever its weights


@dataclass(frozen=True)
class Row:
    """A name, the features behind it, the facts that identify these in a result, and the view they are made of."""

    name: str
    features: Features
    facts: dict[str, Any]
    view: View = SMALL_VIEW


def network_row(name: str, model: Encoder, device: torch.device, layer: str | None, precision: str,
                **facts: Any) -> Row:
    """A row for `model`, at the layer its architecture is probed at if `layer` is None, computed in `precision`
    ("auto", "bfloat16" or "float32", see `utils.devices.choose_precision`)."""
    if not is_text(name):
        raise UserError(f"an encoder's name, {name!r}, is not UTF-8; rename its folder or file, or pass --name")
    dtype = choose_precision(device, precision)
    layer = layer or model.PROBED
    facts = {"architecture": type(model).__name__, "layer": layer, **facts,
             "precision": str(dtype).removeprefix("torch.")}
    if isinstance(model, SmallAlexNet):
        facts["width"] = model.blocks[5][1].out_features / 4096
    elif isinstance(model, ResNet18):
        facts |= {"width": model.fc.in_features / 512, "channels": model.channels, "stem": model.stem}
    elif isinstance(model, ResNet50) and model.channels != 3:
        facts["channels"] = model.channels
    view = View(model.RESIZE, model.SIZE, model.INTERPOLATION)
    return Row(name, encoder_features(model, layer, dtype), facts, view)


def open_encoder(source: Path | str) -> tuple[Encoder, str]:
    """The encoder file `source`, or "torchvision:NAME", a model with the weights that torchvision publishes; and a
    SHA-256 of its weights.

    A file is a SmallAlexNet's encoder.pth, a ResNet's state dict, or a MoCo checkpoint. Raises UserError for a file
    that is no encoder, one that is not what was downloaded or exported, and a name that torchvision has not.
    """
    if str(source).startswith(TORCHVISION):
        model: Encoder = Pretrained(str(source).removeprefix(TORCHVISION))
        digest = hashlib.sha256()
        for key, tensor in model.state_dict().items():
            digest.update(key.encode() + tensor.numpy().tobytes())
        return model, digest.hexdigest()
    model, found = load_encoder(source), sha256(source)
    check_recorded(Path(source), found)
    return model, found


def encoder_row(source: Path | str, device: torch.device, layer: str | None = None, name: str | None = None,
                precision: str = "auto") -> Row:
    """A row for `open_encoder(source)`. The name defaults to the file's, or to its folder's for an encoder.pth or a
    checkpoint_*. Raises UserError also for a layer that is not there."""
    model, found = open_encoder(source)
    facts = {"kind": "encoder", "encoder_sha256": found}
    if str(source).startswith(TORCHVISION):
        name, facts["architecture"] = name or str(source), str(source).removeprefix(TORCHVISION)
    return network_row(name or default_name(Path(source)), model, device, layer, precision, **facts)


def random_row(seed: int, device: torch.device, layer: str | None = None, width: float = 1.0,
               architecture: str = "SmallAlexNet", precision: str = "auto", channels: int = 3, stem: int = 3) -> Row:
    """An encoder that was never trained, with the weights of `seed`: a SmallAlexNet of `width`, a ResNet50
    for `channels`, or a ResNet18 of `width` for `channels` with a stem of `stem` pixels."""
    model: Encoder
    if architecture == "ResNet18":
        model = ResNet18(channels, stem, width).initialize(seed)
    elif architecture == "ResNet50":
        model = ResNet50(channels).initialize(seed)
    else:
        model = random_encoder(seed, width)
    return network_row(RANDOM_INIT, model, device, layer, precision, kind="random_init", init_seed=seed)


def baseline_row(name: str) -> Row:
    """A row without a network, one of `baselines.ALL`."""
    return Row(name, ALL[name], {"kind": "baseline"})
