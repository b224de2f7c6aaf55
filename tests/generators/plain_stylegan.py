"""StyleGAN images by the network in full, one at a time: what `generators.stylegan` is tested against and measured
beside. Weights are modulated and demodulated as in the definition, filters applied to zero-stuffed maps."""

import torch
from torch.nn import functional as F

from generators.stylegan.images import StyleGAN, set_colours
from generators.stylegan.network import styles


def fir(x: torch.Tensor, pad: tuple[int, int]) -> torch.Tensor:
    """[1, 3, 3, 1] / 4 both ways, after padding by so much before and after: [1, C, H, W], both."""
    taps = torch.tensor([1, 3, 3, 1], dtype=x.dtype) / 4
    kernel = torch.outer(taps, taps).repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(F.pad(x, (*pad, *pad)), kernel, groups=x.shape[1])


def modulate(weights: torch.Tensor, scale: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Weights [outputs, inputs, 3, 3] times a scale of each input, and then each output's filter of norm 1."""
    weights = weights * scale[:, None, None]
    return weights * (weights.square().sum(dim=(1, 2, 3), keepdim=True) + epsilon).rsqrt()


@torch.no_grad()
def plain_stylegan(process: StyleGAN, index: int, dtype: torch.dtype = torch.float32,
                   epsilon: float = 1e-8) -> torch.Tensor:
    """Image `index` of `process` before its colours are set: [3, resolution, resolution]."""
    network, draw, noise = process.network_of(index), process.draw_of(index), process.noise_of(index)
    scales, rgb_scales = styles(network, torch.from_numpy(process.numbers_of(index).w)[None])
    x, rgb = torch.from_numpy(network.constant).to(dtype)[None], torch.zeros(1, 3, 4, 4, dtype=dtype)
    for layer, conv in enumerate(process.convs):
        multipliers, filters = torch.from_numpy(draw.multipliers[layer]), torch.from_numpy(draw.filters[layer])
        kernel = modulate(multipliers.to(dtype) * filters.to(dtype), scales[layer][0].to(dtype), epsilon)
        if conv.up:
            x = fir(F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2), (1, 1))
        else:
            x = F.conv2d(x, kernel, padding=1)
        if noise:
            x = x + torch.from_numpy(noise[layer]).to(dtype)
        x = F.relu(x + torch.from_numpy(draw.biases[layer]).to(dtype)[:, None, None]) * 2**0.5
        if conv.to_rgb:
            if layer:
                stuffed = torch.zeros(1, 3, conv.resolution, conv.resolution, dtype=dtype)
                stuffed[:, :, ::2, ::2] = rgb
                rgb = fir(stuffed, (2, 1))
            to_rgb = torch.from_numpy(draw.rgb_weights[layer // 2]).to(dtype) * rgb_scales[layer // 2].to(dtype)
            rgb = rgb + F.conv2d(x, to_rgb[:, :, None, None])
    return rgb[0]


def plain_image(process: StyleGAN, index: int) -> torch.Tensor:
    """Image `index` of `process`, uint8 [resolution, resolution, 3], in float32 (which rounds differently)."""
    numbers = process.numbers_of(index)
    mean, deviation = torch.from_numpy(numbers.colour_mean), torch.from_numpy(numbers.colour_deviation)
    image = set_colours(plain_stylegan(process, index)[None], mean[None], deviation[None])[0]
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
