"""ResNet-18 (He et al. 2016) for inputs of any number of channels, with the stem for small images or torchvision's.

    model = ResNet18(channels=52)          # spectrograms of 52 sensors
    model = ResNet18(channels=1, stem=7)   # log-mel spectrograms, as in the viewmaker paper
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from models.small_alexnet import check_width
from utils.cli import UserError
from utils.seeding import generator, stable_key

LEAST = 8  # widths begin at 1/8: with fewer than 8 channels torch 2.14 writes outside its memory on CPUs
PLANES = (64, 128, 256, 512)  # channels of the four stages at width 1
NORMALISED = {3: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),  # mean and deviation, by stem: CIFAR-10's
              7: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}  # and ImageNet's


class ResNet18(nn.Module):
    """torchvision's ResNet-18, with its names, ending in a linear layer `fc` of `out_dim` outputs.

    stem: 3 is a 3×3 convolution of stride 1 without pooling, for small inputs; 7 is torchvision's 7×7 of stride 2 and
    pooling. `width` multiplies every channel count but the inputs' and outputs'. Inputs of 3 channels are taken for
    images: of 32 pixels with CIFAR-10's normalisation or, with the large stem, 224 with ImageNet's; others come
    normalised. Raises UserError for another stem, no channels, or a width outside 1/8 to 4.
    """

    INTERPOLATION = "bilinear"
    LAYERS = ("stem", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")  # position = layer_index
    PROBED = "avgpool"

    def __init__(self, channels: int = 3, stem: int = 3, width: float = 1.0, out_dim: int = 128):
        super().__init__()
        check_width(width, LEAST)
        if stem not in NORMALISED or channels < 1:
            raise UserError(f"a ResNet-18 has a stem of 3 or 7 pixels and 1 channel or more, not {stem} and {channels}")
        self.channels, self.stem, self.width = channels, stem, width
        self.SIZE, self.RESIZE = (32, 32) if stem == 3 else (224, 256)
        self.MEAN, self.STD = NORMALISED[stem] if channels == 3 else ((0.0,) * channels, (1.0,) * channels)
        planes = [max(1, round(width * count)) for count in PLANES]
        self.conv1 = nn.Conv2d(channels, planes[0], stem, 1 if stem == 3 else 2, stem // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.maxpool = nn.Identity() if stem == 3 else nn.MaxPool2d(3, 2, 1)
        before = planes[0]
        for number, after in enumerate(planes):
            stride, shortcut = (1, None) if number == 0 else (2, nn.Sequential(
                nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after)))
            setattr(self, f"layer{number + 1}", nn.Sequential(BasicBlock(before, after, stride, shortcut),
                                                              BasicBlock(after, after)))
            before = after
        self.fc = nn.Linear(before, out_dim)

    def initialize(self, seed: int) -> "ResNet18":
        """torchvision's law: convolutions from N(0, 2 / fan_out), BatchNorm at identity, `fc` uniform in ± 1/√fan_in.
        A function of `seed` alone. Returns self."""
        key = stable_key("ResNet18", seed)
        for number, module in enumerate(self.modules()):
            rng = generator(key, number)
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * math.prod(module.kernel_size)
                weight = rng.standard_normal(module.weight.shape, np.float32)
                module.weight.data = torch.from_numpy(weight) * math.sqrt(2 / fan_out)
            elif isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                for parameter in (module.weight, module.bias):
                    parameter.data = torch.from_numpy(rng.uniform(-bound, bound, parameter.shape)).float()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        return self

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """Output of layer LAYERS[layer_index]: float [N, C, H, W], or [N, D] for avgpool and fc, the last.

        x: float [N, channels, H, W], H and W at least 8, normalised. Raises IndexError for a layer that is not there.
        """
        wanted = range(len(self.LAYERS))[layer_index]
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for name in self.LAYERS[1 : min(wanted, 4) + 1]:
            x = getattr(self, name)(x)
        if wanted < 5:
            return x
        x = x.mean((2, 3))
        return x if wanted == 5 else self.fc(x)
