"""StyleGAN networks computed in full with torch, many images at a time: for weights that are not tied, and on a GPU.

Images that share their weights go through one convolution: scaling its input channels is scaling the weights, and
demodulating is scaling its output channels (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
2020, section 2.2).
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from generators.stylegan.network import Conv, Draw


@dataclass(frozen=True, eq=False)
class Kernel:
    """The weights of a convolution, as torch wants them: [outputs, inputs, 3, 3], or [inputs, outputs, 3, 3] if it
    doubles the resolution; and their squares summed over the taps, float32 [inputs, outputs]."""

    weights: torch.Tensor
    squares: torch.Tensor


def make_kernels(draw: Draw, convs: tuple[Conv, ...], device: torch.device, dtype: torch.dtype) -> list[Kernel]:
    """The kernels of a draw, on `device`, the weights in `dtype`."""
    kernels = []
    for conv, filters, multipliers in zip(convs, draw.filters, draw.multipliers, strict=True):
        weights = torch.from_numpy(multipliers * filters).to(device)
        squares = weights.square().sum(dim=(2, 3)).T.contiguous()
        weights = weights.transpose(0, 1) if conv.up else weights
        kernels.append(Kernel(weights.to(dtype).contiguous(memory_format=torch.channels_last), squares))
    return kernels


def smooth(x: torch.Tensor, double: bool) -> torch.Tensor:
    """The filter [1, 3, 3, 1] / 4 both ways: [N, C, H - 1, W - 1] from [N, C, H, W], or, on the pixels spread out with
    zeros between, [N, C, 2 H, 2 W] if `double`."""
    taps = torch.tensor([1, 3, 3, 1], dtype=x.dtype, device=x.device) / 4
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    if double:
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def synthesise(constant: torch.Tensor, convs: tuple[Conv, ...], kernels: list[Kernel], biases: list[torch.Tensor],
               rgb_weights: list[torch.Tensor], scales: list[torch.Tensor], rgb_scales: list[torch.Tensor],
               noise: list[torch.Tensor]) -> torch.Tensor:
    """Images of one draw, before their colours are set: [N, 3, resolution, resolution], float32.

    constant: [512, 4, 4]. biases: [outputs]. rgb_weights: [3, outputs]. scales, rgb_scales: `network.styles`
    of the images, [N, inputs] and [N, outputs]. noise: the maps added, [N, 1, H, W], or none. All on one device.
    """
    dtype = kernels[0].weights.dtype
    x = constant.to(dtype).expand(len(scales[0]), -1, -1, -1).contiguous(memory_format=torch.channels_last)
    rgb = torch.zeros(len(x), 3, 4, 4, device=x.device)
    for layer, (conv, kernel) in enumerate(zip(convs, kernels, strict=True)):
        demodulation = (scales[layer].square() @ kernel.squares + 1e-8).rsqrt()
        x = x * scales[layer].to(dtype)[:, :, None, None]
        if conv.up:
            x = smooth(F.conv_transpose2d(x, kernel.weights, stride=2), double=False)
        else:
            x = F.conv2d(x, kernel.weights, padding=1)
        x *= (2**0.5 * demodulation).to(dtype)[:, :, None, None]
        if noise:
            x += (2**0.5 * noise[layer]).to(dtype)
            x += (2**0.5 * biases[layer]).to(dtype)[:, None, None]
        x.relu_()
        if conv.to_rgb:
            weights = rgb_weights[layer // 2] * rgb_scales[layer // 2][:, None]  # [N, 3, outputs]
            colours = x.flatten(2).transpose(1, 2) @ weights.to(dtype).transpose(1, 2)  # [N, H W, 3]
            colours = colours.float().transpose(1, 2).unflatten(2, x.shape[2:])
            rgb = colours + (smooth(rgb, double=True) if layer else rgb)
    return rgb
