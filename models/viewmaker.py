"""The viewmaker: a network that adds to each input a bounded perturbation, its own for every draw of noise.

Tamkin, Wu and Goodman, "Viewmaker Networks: Learning Views for Unsupervised Representation Learning" (ICLR 2021,
arXiv 2010.07432), algorithm 1 and appendix; the shape of the network is that of Johnson et al. (ECCV 2016).
"""

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.cli import UserError

CHANNELS = (32, 64, 128)  # after each convolution on the way down, at width 1
LEAST = 8  # pixels of a side: less is no wider than what is reflected at the border
TINY = 1e-4  # keeps the division by the mean of |P| finite


def check_side(side: int) -> None:
    """Raises UserError for a side, in pixels, that the network cannot halve twice and double again."""
    if side % 4 or side < LEAST:
        raise UserError(f"a viewmaker takes sides of {LEAST} pixels and more that are divisible by 4, not {side}; "
                        "resize the inputs")


@functools.lru_cache(maxsize=8)
def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II, float32 [size, size]: coefficients of x are matrix @ x, and x is matrix.T @ them."""
    k, n = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi * (n + 0.5) * k / size) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.float()


def _between(left: Tensor, x: Tensor, right: Tensor) -> Tensor:
    """left @ x @ right, in float32 also under autocast: in bfloat16 a DCT is neither orthonormal nor undone."""
    with torch.autocast(x.device.type, enabled=False):
        return left @ x.float() @ right


def spread_budget(output: Tensor, budget: float) -> Tensor:
    """Any float [N, C, H, W] to perturbations float32 whose mean |value| is `budget` (a little less where all are
    tiny): budget · P / (mean|P| + 0.0001), P = tanh(output). Single values may be far larger."""
    bounded = output.float().tanh()
    return budget * bounded / (bounded.abs().mean((1, 2, 3), keepdim=True) + TINY)


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, padding_mode="reflect")


def _stage(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(channels_in, channels_out, kernel, stride), nn.InstanceNorm2d(channels_out, affine=True),
                         nn.ReLU())


class Residual(nn.Module):
    """x + two convolutions of it, with nothing after the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*_stage(channels, channels, 3), *_stage(channels, channels, 3)[:2])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Up(nn.Module):
    """Twice the side by repeating each value, then `_stage` with a 3×3 kernel.

    Repetition and convolution are one transposed convolution, with less than half of the products: what a value and its
    copy are multiplied with is added up beforehand. Reflection at the border becomes repetition of the outermost value.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv, *rest = _stage(channels_in, channels_out, 3)
        self.rest = nn.Sequential(*rest)

    def forward(self, x: Tensor) -> Tensor:
        kernel = 4 * F.avg_pool2d(F.pad(self.conv.weight.flip(2, 3), [1] * 4), 2, stride=1)
        x = F.pad(x, [1] * 4, mode="replicate")
        return self.rest(F.conv_transpose2d(x, kernel.transpose(0, 1), self.conv.bias, stride=2, padding=3))


class Viewmaker(nn.Module):
    """Down to a quarter of the side, `blocks` residual blocks, and up again; noise joins the input and every block.

    channels: of the inputs. budget: mean |value| of a perturbation, in the inputs' units. width: multiplies the
    channel counts inside. spectral: see, and spend the budget on, coefficients of the orthonormal 2-D DCT. With 3
    channels and 3 blocks at width 1 it has 1,120,131 parameters. Raises UserError for values that cannot be.
    """

    def __init__(self, channels: int = 3, budget: float = 0.05, width: float = 1.0, blocks: int = 3,
                 spectral: bool = False):
        super().__init__()
        if not 0 < budget < math.inf:
            raise UserError(f"a viewmaker's budget must be above 0, not {budget:g}: it is the mean change of a value")
        if not 1 / 32 <= width <= 16:
            raise UserError(f"a viewmaker's width must lie between 1/32 and 16, not {width:g}")
        c1, c2, c3 = (max(1, round(count * width)) for count in CHANNELS)
        self.budget, self.spectral = budget, spectral
        self.down = nn.Sequential(_stage(channels + 1, c1, 9), _stage(c1, c2, 3, 2), _stage(c2, c3, 3, 2))
        self.blocks = nn.ModuleList(Residual(c3 + number) for number in range(1, blocks + 1))
        self.up = nn.Sequential(Up(c3 + blocks, c2), Up(c2, c1), _conv(c1, channels, 9))

    def initialize(self, seed: int) -> "Viewmaker":
        """torch's own initial weights, as a function of `seed` alone. Returns self."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed % 2**64)
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.InstanceNorm2d)):
                    module.reset_parameters()
        return self

    def noise_size(self, height: int, width: int) -> int:
        """How many numbers of noise an input of height × width takes. Raises UserError (`check_side`)."""
        check_side(height), check_side(width)
        return height * width + len(self.blocks) * (height // 4) * (width // 4)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The perturbation of each input, float32 [N, C, H, W]; a view is the input plus that.

        x: float [N, C, H, W]. noise: float [N, noise_size(H, W)], uniform in [0, 1).
        """
        (height, width), quarter = x.shape[2:], (x.shape[2] // 4, x.shape[3] // 4)
        if noise.shape != (len(x), self.noise_size(height, width)):
            raise ValueError(f"inputs {tuple(x.shape)} do not go with noise {tuple(noise.shape)}")
        if self.spectral:
            rows, columns = dct_matrix(height).to(x.device), dct_matrix(width).to(x.device)
            x = _between(rows, x, columns.T)
        whole, *parts = noise.split([height * width, *[quarter[0] * quarter[1]] * len(self.blocks)], dim=1)
        h = self.down(torch.cat([x, whole.view(-1, 1, height, width)], dim=1))
        for block, part in zip(self.blocks, parts, strict=True):
            h = block(torch.cat([h, part.view(-1, 1, *quarter).to(h.dtype)], dim=1))
        delta = spread_budget(self.up(h), self.budget)
        return _between(rows.T, delta, columns) if self.spectral else delta
