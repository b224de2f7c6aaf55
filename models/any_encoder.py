"""The encoder in any file that holds one: a SmallAlexNet, a ResNet-18 or -50, or an EfficientNet-Lite0."""

import math
import re
from pathlib import Path

from torch import Tensor

from models.checkpoint import check_numbers, load_torch
from models.efficientnet_lite0 import EfficientNetLite0
from models.resnet18 import NORMALISED, PLANES, ResNet18
from models.resnet50 import ResNet50
from models.small_alexnet import SmallAlexNet
from utils.cli import UserError

ALEXNET = dict(zip(("blocks.0.0", "blocks.1.0", "blocks.2.0", "blocks.3.0", "blocks.4.0", "blocks.5.1"),
                   SmallAlexNet.CHANNELS, strict=True))  # outputs of layers at width 1
RESNET18 = dict(zip(("conv1", "layer2.0.conv1", "layer3.0.conv1", "layer4.0.conv1"), PLANES, strict=True))


def load_encoder(path: Path | str) -> SmallAlexNet | ResNet18 | ResNet50 | EfficientNetLite0:
    """The encoder in `path`, in evaluation mode on the CPU.

    A SmallAlexNet comes as a state dict (`encoder.pth`) or as a run's `last.pth`; its width is read off the weights. A
    ResNet-50 comes as a state dict with torchvision's names or as a checkpoint of MoCo, of which the query encoder
    (`encoder_q.`) is taken; its classifier or projection (`fc.`) is left out. A ResNet-18 comes with torchvision's
    names, too; channels, stem, width and outputs are read off the weights. An EfficientNet-Lite0 comes as
    `train_distillation` writes it. Prefixes left by DataParallel (`module.`) and torch.compile (`_orig_mod.`) are
    removed. Every other name and shape must match. Raises UserError otherwise, naming what differs.
    """
    state = load_torch(path)
    if isinstance(state, dict):
        state = state.get("state_dict", state.get("encoder", state))  # of MoCo, of a run of ours, or the file itself
    if not isinstance(state, dict) or not all(isinstance(name, str) and isinstance(value, Tensor)
                                              for name, value in state.items()):
        raise UserError(f"{path} is not a state dict of tensors; an encoder file is what `save_encoder` writes")
    weights = {re.sub(r"^((module|_orig_mod)\.)+", "", name): value for name, value in state.items()}
    if query := {name: value for name, value in weights.items() if name.startswith("encoder_q.")}:
        weights = {name.removeprefix("encoder_q."): value for name, value in query.items()}
    if "layer1.0.conv2.weight" in weights and "layer1.0.conv3.weight" not in weights:
        model: SmallAlexNet | ResNet18 | ResNet50 | EfficientNetLite0 = _resnet18(weights, path)
    elif "conv1.weight" in weights:
        model = ResNet50(weights["conv1.weight"].shape[1] if weights["conv1.weight"].ndim == 4 else 3)
        weights = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    elif "net._conv_stem.weight" in weights:
        model = EfficientNetLite0(pretrained=False)
    else:
        model = _small_alexnet(weights, path)
    expected = model.state_dict()
    wrong = sorted(expected.keys() ^ weights.keys())
    wrong += [name for name in expected if name in weights and expected[name].shape != weights[name].shape]
    if wrong:
        width = f" of width {_width(weights):g}" if isinstance(model, SmallAlexNet) else ""
        raise UserError(f"{path} does not fit a {type(model).__name__}{width}: missing, unexpected or of another "
                        f"shape: {', '.join(wrong[:5])}{' ...' if len(wrong) > 5 else ''}")
    check_numbers(model, weights, path)
    model.load_state_dict(weights)
    unusable = [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()]
    if unusable:
        raise UserError(f"{path} holds weights that are infinite or no numbers, in {unusable[0]}: training went wrong")
    return model.eval()


def _small_alexnet(weights: dict[str, Tensor], path: Path | str) -> SmallAlexNet:
    """A SmallAlexNet of the size of `weights`. Raises UserError if they are those of another architecture."""
    first, last = weights.get("blocks.0.0.weight"), weights.get("blocks.7.0.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        raise UserError(f"{path} is no SmallAlexNet, ResNet-18 or ResNet-50, but another architecture "
                        f"(its first entry is {next(iter(weights), 'missing')!r})")
    return SmallAlexNet(_width(weights), out_dim=last.shape[0])


def _resnet18(weights: dict[str, Tensor], path: Path | str) -> ResNet18:
    """A ResNet18 of the size of `weights`. Raises UserError if they are those of another architecture."""
    first, last = weights.get("conv1.weight"), weights.get("fc.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2 or first.shape[3] not in NORMALISED:
        raise UserError(f"{path} holds neither a ResNet-18 nor a ResNet-50, but another architecture with their names")
    return ResNet18(first.shape[1], first.shape[3], _width(weights, RESNET18), last.shape[0])


def _width(state: dict[str, Tensor], published: dict[str, int] = ALEXNET) -> float:
    """The width whose rounded channel counts are those of `state` (any number if no width fits)."""
    low, high = 0.0, math.inf
    for name, count in published.items():
        weight = state.get(f"{name}.weight")
        if weight is not None and weight.ndim > 0:
            low = max(low, (len(weight) - 0.5) / count)
            high = min(high, (len(weight) + 0.5) / count)
    return (low + high) / 2
