"""The encoders f of the paper, and the maps from their last layer to the space of the model."""

import math
from itertools import pairwise

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from utils.cli import UserError

MODELS = ("sphere", "box", "unbounded")
FASTER = 10.0  # how much faster than other weights the size of the output space is learned


class OutputMap(nn.Module):
    """Rows float [N, dim] to the model's space, which may learn how large it is.

    sphere: unit rows, times a learned radius if `learned`. box: from `low` on, a sigmoid times the learned width of
    each dimension. unbounded: as they are. Sizes begin at 1 and are learned through their logarithm, FASTER than
    weights: the paper's Laplace scale of 0.05 asks for widths of 20, which Adam at the published rate of 1e-4 takes
    190,000 steps to reach by itself.
    """

    def __init__(self, model: str, dim: int, learned: bool = False, low: float = 0.0):
        super().__init__()
        if model not in MODELS:
            raise UserError(f"there is no model space called {model!r}; the names are {', '.join(MODELS)}")
        self.model, self.low = model, low
        if model == "box" or (model == "sphere" and learned):
            self.log_size = nn.Parameter(torch.zeros(dim if model == "box" else 1))
        else:
            self.log_size = None

    def forward(self, x: Tensor) -> Tensor:
        if self.model == "sphere":
            x = F.normalize(x, dim=1)
        elif self.model == "box":
            x = x.sigmoid()
        if self.log_size is not None:
            x = x * (FASTER * self.log_size).exp()
        return x + self.low if self.model == "box" else x  # which changes no distance, but lets regression reach all


class OutputMaps(nn.Module):
    """An `OutputMap` for each part of a product space, on its own columns."""

    def __init__(self, maps: list[OutputMap], dims: list[int]):
        super().__init__()
        self.maps, self.dims = nn.ModuleList(maps), dims

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(self.dims, dim=1)
        return torch.cat([each(part) for each, part in zip(self.maps, parts, strict=True)], dim=1)


class Whitened(nn.Module):
    """Rows float [N, dim], made uncorrelated and of variance 1 over the batch, times a learned gain, plus a learned
    shift, for each dimension. Outside training the means of late batches take the place of the batch, as in BatchNorm.

    Independent latents stay within reach. But no two outputs can show one easy latent, such as a place, while hard
    ones, a size and a rotation, are not shown at all: from that state contrastive learning takes thousands of steps.
    The root of the covariance is inverted by Newton's iteration (Huang et al., "Iterative normalization", CVPR 2019).
    """

    def __init__(self, dim: int):
        super().__init__()
        self.gain = nn.Parameter(torch.full((dim,), math.pi / 3**0.5))  # with it a sigmoid fills a box
        self.shift = nn.Parameter(torch.zeros(dim))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("covariance", torch.eye(dim))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            mean, covariance = self.mean, self.covariance
            if self.training:
                mean = x.mean(0)
                covariance = (x - mean).T @ (x - mean) / len(x)
                with torch.no_grad():
                    self.mean.lerp_(mean, 0.1)
                    self.covariance.lerp_(covariance, 0.1)
            return (x - mean) @ _inverse_root(covariance) * self.gain + self.shift


def _inverse_root(covariance: Tensor, rounds: int = 7) -> Tensor:
    """Nearly covariance^(-1/2), symmetric [n, n]; directions of next to no variance grow less than they should."""
    one = torch.eye(len(covariance), device=covariance.device)
    covariance = covariance + (1e-4 * covariance.diagonal().mean() + 1e-8) * one
    total = covariance.trace()
    root = one
    for _ in range(rounds):
        root = 1.5 * root - 0.5 * root @ root @ root @ (covariance / total)
    return root / total.sqrt()


def keep_the_scale(net: nn.Module) -> nn.Module:
    """He's weights (ICCV 2015), and biases of 0, in all layers but the last; returns the network.

    torch's own initial weights shrink the signal by 0.4 a layer, so that what comes out of the seventh hardly depends
    on what went in, and training begins with a plateau below the identity.
    """
    layers = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers[:-1]:
        nn.init.kaiming_normal_(layer.weight, a=0.01)
        nn.init.zeros_(layer.bias)
    return net


def mlp(dim_in: int, dim: int) -> nn.Sequential:
    """Seven linear layers of widths 10n, 50n, 50n, 50n, 50n, 10n, n, for n latents; LeakyReLU of slope 0.01 between."""
    widths = [dim_in, 10 * dim, 50 * dim, 50 * dim, 50 * dim, 50 * dim, 10 * dim, dim]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers[:-1])


def cnn(dim: int, size: int) -> nn.Sequential:
    """For colour images of `size` pixels: 3×3 convolutions of stride 2 with 16, 32, 64, 128 channels, each with
    BatchNorm, without which it takes twice the steps; so down to 4×4 at 64 pixels, then two linear layers, and
    `Whitened`."""
    channels, layers = (3, 16, 32, 64, 128), []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.LeakyReLU(0.01)]
    side = -(-size // 16)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * side**2, 256), nn.LeakyReLU(0.01), nn.Linear(256, dim),
                         Whitened(dim))


def resnet18(dim: int) -> nn.Sequential:
    """torchvision's ResNet-18, untrained, ending in 10 n features, LeakyReLU, and n latents, as for 3DIdent."""
    body = torchvision.models.resnet18(num_classes=10 * dim)
    return nn.Sequential(body, nn.LeakyReLU(0.01), nn.Linear(10 * dim, dim))


def kitti_cnn(dim: int) -> nn.Sequential:
    """For 64×64 masks, the network of the KITTI experiment: 4×4 convolutions, Kaiming-normal weights."""
    net = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
                        nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 64, 4, 2, 1), nn.ReLU(),
                        nn.Conv2d(64, 256, 4), nn.ReLU(), nn.Flatten(), nn.Linear(256, dim))
    for module in net:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
    return net
