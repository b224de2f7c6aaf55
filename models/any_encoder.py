"""The encoder in any file that holds one: a SmallAlexNet, a ResNet-50 or an EfficientNet-Lite0."""

import math
import re
from pathlib import Path

from torch import Tensor

from models.checkpoint import check_numbers, load_torch
from models.efficientnet_lite0 import EfficientNetLite0
from models.resnet50 import ResNet50
from models.small_alexnet import SmallAlexNet
from utils.cli import UserError


def load_encoder(path: Path | str) -> SmallAlexNet | ResNet50 | EfficientNetLite0:
    """The encoder in `path`, in evaluation mode on the CPU.

    A SmallAlexNet comes as a state dict (`encoder.pth`) or as a run's `last.pth`; its width is read off the weights. A
    ResNet-50 comes as a state dict with torchvision's names or as a checkpoint of MoCo, of which the query encoder
    (`encoder_q.`) is taken; its classifier or projection (`fc.`) is left out. An EfficientNet-Lite0 comes as
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
    if "conv1.weight" in weights:
        model: SmallAlexNet | ResNet50 | EfficientNetLite0 = ResNet50()
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
        raise UserError(f"{path} holds neither a SmallAlexNet nor a ResNet-50, but another architecture "
                        f"(its first entry is {next(iter(weights), 'missing')!r})")
    return SmallAlexNet(_width(weights), out_dim=last.shape[0])


def _width(state: dict[str, Tensor]) -> float:
    """The width whose rounded channel counts are those of `state` (any number if no width fits)."""
    low, high = 0.0, math.inf
    for name, published in zip(("0.0", "1.0", "2.0", "3.0", "4.0", "5.1"), SmallAlexNet.CHANNELS, strict=True):
        weight = state.get(f"blocks.{name}.weight")
        if weight is not None and weight.ndim > 0:
            low = max(low, (len(weight) - 0.5) / published)
            high = min(high, (len(weight) + 0.5) / published)
    return (low + high) / 2
