"""The paper's small-scale encoder: AlexNet for 64×64 images, as in CMC (Tian et al. 2020) and Wang & Isola (2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.cli import UserError


def check_width(width: float, least: int = 96) -> None:
    """Raises UserError for a width outside 1/least (96: one channel in the first layer of a SmallAlexNet) to 4."""
    if not 1 / least <= width <= 4:  # NaN is refused too
        raise UserError(f"this encoder's width must lie between 1/{least} and 4, not {width:g}")


class L2Norm(nn.Module):
    """Divide each row by its Euclidean norm."""

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x.float(), dim=1)


def _conv(channels_in: int, channels_out: int, pool: bool) -> nn.Sequential:
    layers = [nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(3, 2)] if pool else []))


class SmallAlexNet(nn.Module):
    """Eight blocks: five 3×3 convolutions, then fc6, fc7 and fc8 on the unit sphere.

    `width` multiplies every channel count but the output's; 1 is the published network with 58,678,368 parameters.
    Parameter names are those of the published encoders (`blocks.<block>.<layer>`). Raises UserError (`check_width`).
    """

    SIZE = 64  # input height and width in pixels
    LEAST = 16  # of both: less does not reach the last convolution
    RESIZE, INTERPOLATION = 70, "bilinear"  # of an image's shorter side, before its middle SIZE×SIZE is evaluated
    MEAN = (0.44087801806139126, 0.42790631331699347, 0.3867879370752931)  # of inputs in [0, 1]; the authors' values
    STD = (0.26826768628079806, 0.2610450402318512, 0.26866836876860795)
    CHANNELS = (96, 192, 384, 384, 192, 4096)  # of the convolutions and of fc6 and fc7, at width 1
    LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")  # position = layer_index
    PROBED = "fc6"  # where the paper's probes take features

    def __init__(self, width: float = 1.0, out_dim: int = 128):
        super().__init__()
        check_width(width)
        c1, c2, c3, c4, c5, fc = (max(1, round(n * width)) for n in self.CHANNELS)
        self.blocks = nn.ModuleList([
            _conv(3, c1, pool=True),
            _conv(c1, c2, pool=True),
            _conv(c2, c3, pool=False),
            _conv(c3, c4, pool=False),
            _conv(c4, c5, pool=True),
            nn.Sequential(nn.Flatten(), nn.Linear(c5 * 7 * 7, fc, bias=False), nn.BatchNorm1d(fc), nn.ReLU()),
            nn.Sequential(nn.Linear(fc, fc, bias=False), nn.BatchNorm1d(fc), nn.ReLU()),
            nn.Sequential(nn.Linear(fc, out_dim), L2Norm()),
        ])

    def initialize(self, seed: int) -> "SmallAlexNet":
        """Weights from N(0, 0.02²), biases 0, BatchNorm at identity: a function of `seed` alone. Returns self."""
        generator = torch.Generator().manual_seed(seed % 2**64)  # what torch itself makes of negative seeds
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.reset_parameters()
        return self

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """Output of block `layer_index` (negative counts from the end; -1 is the embedding).

        x: float [N, 3, 64, 64], normalised with MEAN and STD. Of another size, from LEAST on, what the convolutions
        make is interpolated to the 7×7 that fc6 takes. Returns [N, C, H, W] for convolutions, [N, 4096·width] for fc6
        and fc7, and unit rows float32 [N, out_dim] for fc8. Raises IndexError for a layer that is not there.
        """
        for number, block in enumerate(self.blocks[: range(len(self.blocks))[layer_index] + 1]):
            if number == 5 and x.shape[2:] != (7, 7):
                x = F.interpolate(x, (7, 7), mode="bilinear")
            x = block(x)
        return x
