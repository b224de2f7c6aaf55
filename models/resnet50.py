"""ResNet-50 (He et al. 2016) as torchvision builds it, up to its 2,048 pooled features.

The paper's large-scale encoder (MoCo v2), the network whose features `generators.feature_vis` shows, and the viewmaker
paper's encoder of much speech.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from utils.seeding import generator, stable_key


class ResNet50(ResNet):
    """torchvision's ResNet-50, with its names, for inputs of `channels`; in place of the classifier `fc` nothing, or
    after `project` a projection. Inputs of 3 channels are images; others come normalised."""

    SIZE, RESIZE, INTERPOLATION = 224, 256, "bilinear"
    MEAN = (0.485, 0.456, 0.406)  # of inputs in [0, 1]: ImageNet's
    STD = (0.229, 0.224, 0.225)
    LAYERS = ("maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")  # position = layer_index
    PROBED = "avgpool"

    def __init__(self, channels: int = 3) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        self.channels, self.fc = channels, nn.Identity()
        if channels != 3:
            self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
            self.MEAN, self.STD = (0.0,) * channels, (1.0,) * channels

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

    def project(self, seed: int, dim: int) -> "ResNet50":
        """End in the projection of SimCLR and MoCo v2: two layers, the first as wide as the features, to `dim` numbers.
        Its weights are a function of `seed`. Returns self."""
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(stable_key("projection", seed))
            self.fc = nn.Sequential(nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, dim))
        return self

    def forward(self, x: Tensor, layer_index: int | None = None) -> Tensor:
        """Output of layer LAYERS[layer_index], float [N, C, H, W], or [N, 2048] for avgpool; without an index of `fc`,
        the projection or the same 2,048.

        x: float [N, channels, H, W], normalised with MEAN and STD. Raises IndexError for a layer that is not there.
        """
        last = len(self.LAYERS) - 1 if layer_index is None else range(len(self.LAYERS))[layer_index]
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.LAYERS[1 : last + 1]:
            x = getattr(self, name)(x)
        x = x.flatten(1) if x.shape[2:] == (1, 1) else x
        return self.fc(x) if layer_index is None else x
