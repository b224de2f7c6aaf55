"""Feature visualisation in its plainest form: what `generators.feature_vis` is tested against and measured beside.

As the authors' code does it: two images at a time, all in float32, BatchNorm as a layer of its own, and gradients of
the network's weights computed along with those of the images. It uses the same random numbers.
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as TF

from generators.feature_vis.images import FeatureVis, target_weights
from generators.feature_vis.robust_transforms import View
from models.resnet50 import ResNet50


def rgb(spectra: Tensor) -> Tensor:
    """Images [N, 3, size, size] of Fourier coefficients, as in `generators.feature_vis.fourier_image`."""
    size = spectra.shape[2]
    f = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size) ** 2).sqrt()
    scaled = torch.complex(spectra[..., 0], spectra[..., 1]) / f.clamp(min=1 / size)
    decorrelated = torch.fft.irfft2(scaled, s=(size, size), norm="ortho") / 4
    colours = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    colours = colours / colours.norm(dim=0).max()
    return torch.sigmoid(decorrelated.permute(0, 2, 3, 1) @ colours.T).permute(0, 3, 1, 2)


def look(images: Tensor, view: View) -> Tensor:
    """The random view of `generators.feature_vis.robust_transforms`, by torchvision."""
    images = F.pad(images, [12] * 4, value=0.5)
    size = images.shape[-1] - 8
    images = TF.crop(images, *view.first, size, size)
    scaled = math.ceil(view.scale * size)
    images = nn.Upsample((scaled, scaled), mode="bilinear", align_corners=True)(images)
    images = F.pad(images, [max(0, math.ceil((size - scaled) / 2))] * 4)
    images = TF.rotate(images, view.angle, InterpolationMode.BILINEAR)
    size = images.shape[-1] - 4
    return TF.crop(images, *view.second, size, size)


def feature_vis_loop(network: nn.Module, process: FeatureVis, indices: Sequence[int]) -> Tensor:
    """Images `indices`, all of one block, of a `process` whose layer is the last of `network`: uint8 [N, H, W, 3].

    network: in evaluation mode, float32; returns [N, C] for images in [0, 1], normalised with its MEAN and STD.
    """
    spectra = process.first_spectra(indices).requires_grad_()
    adam = torch.optim.Adam([spectra], lr=0.05)
    for view in process.views(indices[0] // process.block):
        images = TF.resize(look(rgb(spectra), view), [process.resolution] * 2)
        activations = network(TF.normalize(images, network.MEAN, network.STD))
        chosen = torch.stack([target_weights(index, activations.shape[1]) for index in indices]) > 0
        loss = -activations[chosen].sum() / chosen.sum()
        adam.zero_grad()
        network.zero_grad()
        loss.backward()
        adam.step()
    images = rgb(spectra.detach())
    stretched = [(image - image.min()) / (image.max() - image.min()) * 255 for image in images]
    return torch.stack(stretched).round().to(torch.uint8).permute(0, 2, 3, 1)


@functools.lru_cache(maxsize=1)
def untrained_network(seed: int) -> ResNet50:
    return ResNet50().initialize(seed).eval()


def feature_vis_pair(process: FeatureVis, index: int) -> Tensor:
    """Images `index`, even, and the next, of the untrained ResNet-50: uint8 [2, H, W, 3]."""
    with torch.enable_grad():
        return feature_vis_loop(untrained_network(process.seed), process, [index, index + 1])
