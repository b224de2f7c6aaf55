"""Feature visualisations: images that excite one or two channels of a network, found by gradient ascent.

    python -m generators.feature_vis --output data/my_features --samples 8         # an untrained ResNet-50
    python -m generators.feature_vis --encoder runs/my_run/encoder.pth --layer conv5 --output data/seen --samples 8
    python -m generators feature_vis-random            # the dataset of the paper; a CPU takes about 20 s an image

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, after Olah, Mordvintsev
and Schubert, "Feature Visualization", Distill 2017.

* Network: `random` is a ResNet-50 with torchvision's random initialisation, BatchNorm at identity. The paper's other
  network is a ResNet-50 trained on dead leaves by MoCo v2; a file of such weights will do, or one of a SmallAlexNet.
* Target: with C channels, image i < C excites channel i; the next ones the pairs (0, 1), (0, 2) .. (1, 2) .. in
  lexicographic order; after the last pair it starts again, from other noise. The objective is the mean of the chosen
  channels, each averaged over its positions. These are the paper's targets; it shuffled their order.
* Image: Fourier coefficients and decorrelated colours (`fourier_image`), drawn from the counter i.
* Ascent: Adam with rate 0.05, 128 steps. Each step looks at a random view (`robust_transforms`), drawn from
  the number of the block, so the images of a block share their views, as a batch does in the authors' code. The view is
  normalised and resized: for a ResNet-50 to the size of the image, for a SmallAlexNet to its 64 pixels.
* The final image is stretched to 0..255.

Two choices are ours. Resizing is antialiased, which hardly matters for a ResNet-50 (at 256 pixels, 14 % smaller at
most) but lets a SmallAlexNet see every pixel. And a layer of a SmallAlexNet is taken before its ReLU and pooling: a
unit that is off has no gradient, and its image would stay noise, as that of a few channels of `random` does.

Speed: the network's weights are frozen, its BatchNorm is folded into them, and it computes in bfloat16 where the
hardware does; coefficients, views and Adam stay in float32. Rounding grows over 128 steps to other images of the same
kind, so the precision stands in the record. For the same reason a GPU, whose kernels for the gradients of sampling add
in no fixed order, makes other bytes each time; a CPU makes the same.
"""

import functools
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from generators.feature_vis.fourier_image import draw_spectrum, stretch, to_rgb
from generators.feature_vis.robust_transforms import View, draw_view, look
from generators.process import check, option, stream_key
from generators.torch_process import (
    BlockProcess,
    device_option,
    precision_option,
    settle_device,
    settle_precision,
)
from models import ResNet50, SmallAlexNet, load_encoder
from utils.cli import UserError
from utils.seeding import generator, stable_key

LEARNING_RATE = 0.05
SMALLEST = 32  # one position of a ResNet-50's last layer; 16 pixels excite other channels as much as their own
NO_ENCODER = ("this needs the weights of a trained network: pass --encoder FILE, an encoder.pth of ours or a ResNet-50 "
              "of torchvision or MoCo; to train one: python -m generators dead_leaves-mixed, then "
              "python -m train_align_uniform --data data/small_scale/dead_leaves-mixed --output runs/dead_leaves-mixed "
              "(it leaves encoder.pth there)")


def targets(index: int, channels: int) -> tuple[int, ...]:
    """The channels that image `index` excites: one, or two in rising order."""
    index %= channels + channels * (channels - 1) // 2
    if index < channels:
        return (index,)
    index -= channels
    for first in itertools.count():
        pairs = channels - 1 - first  # that begin with `first`
        if index < pairs:
            return first, first + 1 + index
        index -= pairs


def fold_batch_norm(network: nn.Module) -> None:
    """Fold, in place, each BatchNorm into the convolution or linear layer before it. For evaluation only."""
    for parent in network.modules():
        for (before, layer), (name, norm) in itertools.pairwise(list(parent.named_children())):
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
                fuse = fuse_conv_bn_eval if isinstance(layer, nn.Conv2d) else fuse_linear_bn_eval
                setattr(parent, before, fuse(layer, norm))
                setattr(parent, name, nn.Identity())


class Channels:
    """The channels of one layer as a differentiable function of images, each averaged over its positions.

    network: in evaluation mode; it is changed. layer: of network.LAYERS. size: height and width it is shown.
    """

    def __init__(self, network: SmallAlexNet | ResNet50, layer: str, size: int, device: str, dtype: torch.dtype):
        self.layer_index, self.size, self.dtype = network.LAYERS.index(layer), size, dtype
        fold_batch_norm(network)
        if isinstance(network, SmallAlexNet):
            linear = [module for module in network.blocks[self.layer_index]
                      if not isinstance(module, (nn.ReLU, nn.MaxPool2d))]
            network.blocks[self.layer_index] = nn.Sequential(*linear)
        self.network = network.requires_grad_(False).to(device, dtype, memory_format=torch.channels_last)
        self.mean = torch.tensor(network.MEAN, device=device)[:, None, None]
        self.std = torch.tensor(network.STD, device=device)[:, None, None]
        self.count = self(torch.zeros(1, 3, size, size, device=device)).shape[1]

    def __call__(self, images: Tensor) -> Tensor:
        """float32 [N, count] from square images in [0, 1], float32 [N, 3, S, S]."""
        images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        images = ((images - self.mean) / self.std).to(self.dtype, memory_format=torch.channels_last)
        activations = self.network(images, self.layer_index).float()
        return activations.flatten(2).mean(2) if activations.ndim > 2 else activations


def ascend(channels: Channels, weights: Tensor, spectra: Tensor, views: Sequence[View]) -> Tensor:
    """Coefficients of images that maximise the sum of `weights` times `channels`, one step of Adam for each view.

    weights: float32 [N, channels.count]. spectra: the coefficients to start from (`fourier_image`).
    """
    spectra = spectra.clone().requires_grad_()
    adam = torch.optim.Adam([spectra], lr=LEARNING_RATE)
    with torch.enable_grad():
        for view in views:
            loss = -(weights * channels(look(to_rgb(spectra), view))).sum()
            spectra.grad, = torch.autograd.grad(loss, spectra)
            adam.step()
    return spectra.detach()


@dataclass(frozen=True)
class FeatureVis(BlockProcess):
    """Visualisations of single channels, and then of pairs, of a layer of a network.

    Raises UserError for a value it does not know, a resolution below SMALLEST, a missing file, or weights that fit
    neither network.
    """

    encoder: str = option("random", "file with the weights of the network; 'random' is an untrained ResNet-50",
                          seeds=False)
    layer: str = option("auto", "layer whose channels are shown; auto is a ResNet-50's avgpool, a SmallAlexNet's fc6")
    steps: int = option(128, "steps of gradient ascent", seeds=False)
    block: int = option(4, "images optimised together, a divisor of 1000; more suit a GPU")
    resolution: int = option(256, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images, and another random network")
    device: str = device_option()
    precision: str = precision_option()

    chaotic: ClassVar[bool] = True  # Adam's first steps are signs of gradients, also of tiny ones

    def __post_init__(self) -> None:
        check(self)
        if self.resolution < SMALLEST:
            raise UserError(f"feature visualisations need {SMALLEST} pixels or more, not {self.resolution}; pass "
                            f"--resolution {SMALLEST}")
        if self.steps < 0 or self.block < 1 or 1000 % self.block:
            raise UserError(f"steps must be 0 or more and block a divisor of 1000, not {self.steps} and {self.block}")
        settle_device(self)
        settle_precision(self)
        if not self.encoder:
            raise UserError(NO_ENCODER)
        architecture = ResNet50 if self.encoder == "random" else type(load_encoder(self.encoder))
        if self.layer == "auto":
            object.__setattr__(self, "layer", "avgpool" if architecture is ResNet50 else "fc6")
        if self.layer not in architecture.LAYERS:
            raise UserError(f"a {architecture.__name__} has no layer {self.layer!r}: --layer must be one of "
                            f"{', '.join(architecture.LAYERS)}")

    @property
    def chunk(self) -> int:
        """A worker makes a block at a time."""
        return self.block

    def contents(self) -> dict[str, str]:
        """The fingerprint of the encoder's file."""
        if self.encoder == "random":
            return {}
        return {"encoder": f"sha256:{hashlib.sha256(Path(self.encoder).read_bytes()).hexdigest()}"}

    def render_block(self, number: int) -> Tensor:
        """Images number * block .. (number + 1) * block - 1: uint8 [block, resolution, resolution, 3]."""
        channels, indices = shown_channels(self), range(number * self.block, (number + 1) * self.block)
        weights = torch.stack([target_weights(index, channels.count) for index in indices]).to(self.device)
        spectra = ascend(channels, weights, self.first_spectra(indices).to(self.device), self.views(number))
        return stretch(to_rgb(spectra))

    def first_spectra(self, indices: Sequence[int]) -> Tensor:
        """Where the ascent of these images starts."""
        return torch.stack([draw_spectrum(generator(stream_key(self), index), self.resolution) for index in indices])

    def views(self, number: int) -> list[View]:
        """The views of block `number`, one a step."""
        rng = generator(stable_key(stream_key(self), "views"), number)
        return [draw_view(rng) for _ in range(self.steps)]


def target_weights(index: int, count: int) -> Tensor:
    """What each channel counts in the objective of image `index`: float32 [count], with sum 1."""
    weights, chosen = torch.zeros(count), list(targets(index, count))
    weights[chosen] = 1 / len(chosen)
    return weights


@functools.lru_cache(maxsize=1)
def shown_channels(process: FeatureVis) -> Channels:
    """The channels that `process` visualises."""
    random = process.encoder == "random"
    network = ResNet50().initialize(process.seed).eval() if random else load_encoder(process.encoder)
    size = process.resolution if isinstance(network, ResNet50) else network.SIZE
    return Channels(network, process.layer, size, process.device, getattr(torch, process.precision))
