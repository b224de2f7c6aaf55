"""Inpainting by a Deep Decoder (Heckel and Hand, ICLR 2019): an untrained network fitted to the pixels that are left of
one image, whose output fills in the others. With the mask that was applied; the released baseline took another one.
"""

import math

import torch
from torch import Tensor, nn

from utils.seeding import stable_key

STAGES, CHANNELS = 5, 256
SMALLEST = 4  # positions a side of the input, at least: smaller images get fewer stages
ITERATIONS, RATE = 5000, 0.0025
NOISE, DECAY, EVERY = 0.005, 0.7, 500  # added to the input, times DECAY after EVERY iterations


def decoder(channels: int, stages: int) -> nn.Sequential:
    """Noise [1, channels, h, w] to an image [1, 3, 2^stages h, 2^stages w] in [0, 1]: 1×1 convolutions, each with
    bilinear upsampling, ReLU and normalisation."""
    layers: list[nn.Module] = []
    for _ in range(stages):
        layers += [nn.Conv2d(channels, channels, 1, bias=False), nn.Upsample(scale_factor=2, mode="bilinear"),
                   nn.ReLU(), nn.BatchNorm2d(channels)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 1), nn.Sigmoid())


def inpaint_one(x: Tensor, masked: Tensor, iterations: int = ITERATIONS, channels: int = CHANNELS) -> Tensor:
    """The image of the iteration that fits best, float [3, H, W] in [0, 1]. x: [3, H, W]; masked: bool [1, H, W]."""
    height, width = x.shape[1:]
    stages = max(min(STAGES, int(math.log2(min(height, width) / SMALLEST))), 1)
    scale = 2**stages
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(stable_key("deep decoder"))
        net = decoder(channels, stages).to(x.device)
        start = torch.rand(1, channels, -(-height // scale), -(-width // scale)).to(x.device) * 0.1
        adam, left = torch.optim.Adam(net.parameters(), RATE), (~masked).to(x)[None]
        best, least = x, float("inf")
        for number in range(iterations):
            level = NOISE * DECAY ** (number // EVERY)
            out = net(start + level * torch.randn(start.shape).to(x.device))[..., :height, :width]
            loss = ((out - x) * left).square().sum() / (3 * left.sum()).clamp(min=1)
            adam.zero_grad()
            loss.backward()
            adam.step()
            if loss.item() < least:
                best, least = out.detach()[0], loss.item()
    return best


def inpaint(x: Tensor, masked: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Images float [B, 3, H, W] with the `masked` pixels, bool [B, 1, H, W], filled in."""
    with torch.inference_mode(False), torch.enable_grad():
        return torch.stack([inpaint_one(a.clone(), b.clone(), iterations) for a, b in zip(x, masked, strict=True)])
