"""ResNet-50 (He et al. 2016) as torchvision builds it, up to its 2,048 pooled features, and reading either encoder.

The paper's large-scale encoder (MoCo v2), and the network whose features `generators.feature_vis` shows.
"""

import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from models.checkpoint import check_finite, check_numbers, load_torch, small_alexnet
from models.small_alexnet import SmallAlexNet
from utils.cli import UserError
from utils.seeding import generator, stable_key


class ResNet50(ResNet):
    """torchvision's ResNet-50, with its names, without the classifier `fc`."""

    SIZE, RESIZE, INTERPOLATION = 224, 256, "bilinear"
    MEAN = (0.485, 0.456, 0.406)  # of inputs in [0, 1]: ImageNet's
    STD = (0.229, 0.224, 0.225)
    LAYERS = ("maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")  # position = layer_index
    PROBED = "avgpool"

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        self.fc = nn.Identity()

    def initialize(self, seed: int) -> "ResNet50":
        """torchvision's law: convolutions from N(0, 2 / fan_out), BatchNorm at identity. A function of `seed` alone.

        Returns self.
        """
        key = stable_key("ResNet50", seed)
        for number, module in enumerate(self.modules()):
            if isinstance(module, nn.Conv2d):
                rng, fan_out = generator(key, number), module.out_channels * math.prod(module.kernel_size)
                weight = rng.standard_normal(module.weight.shape, np.float32)
                module.weight.data = torch.from_numpy(weight) * math.sqrt(2 / fan_out)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        return self

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """Output of layer LAYERS[layer_index], float [N, C, H, W], or [N, 2048] for avgpool, the last.

        x: float [N, 3, H, W], normalised with MEAN and STD. Raises IndexError for a layer that is not there.
        """
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.LAYERS[1 : range(len(self.LAYERS))[layer_index] + 1]:
            x = getattr(self, name)(x)
        return x.flatten(1) if x.shape[2:] == (1, 1) else x


def load_any_encoder(path: Path | str) -> SmallAlexNet | ResNet50:
    """The encoder in `path`, in evaluation mode on the CPU: a SmallAlexNet (`encoder.pth`, or a run's `last.pth`) or a
    ResNet-50.

    A ResNet-50 may come as a state dict with torchvision's names or as a checkpoint of MoCo, of which the query
    encoder (`encoder_q.`) is taken. Its classifier or projection (`fc.`) is left out; every other name and shape must
    match. Raises UserError otherwise, naming what differs.
    """
    checkpoint = load_torch(path)
    state = {}
    if isinstance(checkpoint, dict):  # of MoCo, of a run of ours, or a state dict
        state = checkpoint.get("state_dict", checkpoint.get("encoder", checkpoint))
        state = state if isinstance(state, dict) else {}
    names = {name: re.sub(r"^((module|_orig_mod)\.)+", "", str(name)) for name in state}
    query = {name: clean.removeprefix("encoder_q.") for name, clean in names.items() if clean.startswith("encoder_q.")}
    weights = {clean: state[name] for name, clean in (query or names).items() if not clean.startswith("fc.")}
    if "conv1.weight" not in weights:
        return small_alexnet(state or checkpoint, path)
    model = ResNet50()
    try:
        check_numbers(model, weights, path)
        model.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:  # AttributeError: an entry is no tensor
        reason = " ".join(str(error).split()).removeprefix("Error(s) in loading state_dict for ResNet50: ")[:200]
        raise UserError(f"{path} does not fit a ResNet-50: {reason}") from None
    check_finite(model, path)
    return model.eval()
