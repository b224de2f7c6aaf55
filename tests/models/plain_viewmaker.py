"""The viewmaker as its paper draws it: plain modules, one after the other, with random noise of its own if none is
given. Takes the weights of ours."""

import torch
from torch import Tensor, nn

from models.viewmaker import Viewmaker


def conv(i: int, o: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(i, o, kernel, stride))


class PlainViewmaker(nn.Module):
    """32, 64 and 128 channels; a budget in pixels."""

    def __init__(self, channels: int, blocks: int, budget: float):
        super().__init__()
        self.budget = budget
        self.down = nn.ModuleList([conv(channels + 1, 32, 9), conv(32, 64, 3, 2), conv(64, 128, 3, 2)])
        self.blocks = nn.ModuleList(nn.ModuleList([conv(128 + i, 128 + i, 3), conv(128 + i, 128 + i, 3)])
                                    for i in range(1, blocks + 1))
        self.up = nn.ModuleList([conv(128 + blocks, 64, 3), conv(64, 32, 3), conv(32, channels, 9)])
        inside = [*self.down, *(c for block in self.blocks for c in block), *self.up[:2]]
        self.norms = nn.ModuleList(nn.InstanceNorm2d(c[1].out_channels, affine=True) for c in inside)

    def forward(self, x: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        noise = list(noise) if noise else []
        norms = iter(self.norms)

        def with_noise(h: Tensor) -> Tensor:
            fresh = noise.pop(0) if noise else torch.rand(len(h), 1, *h.shape[2:], device=h.device)
            return torch.cat([h, fresh], 1)

        h = with_noise(x)
        for c in self.down:
            h = next(norms)(c(h)).relu()
        for first, second in self.blocks:
            h = with_noise(h)
            h = h + next(norms)(second(next(norms)(first(h)).relu()))
        for c in self.up[:2]:
            h = next(norms)(c(nn.functional.interpolate(h, scale_factor=2))).relu()
        p = self.up[2](h).tanh()
        return self.budget * p / (p.abs().mean((1, 2, 3), keepdim=True) + 1e-4)


def plain_copy(ours: Viewmaker, channels: int) -> PlainViewmaker:
    """The plain viewmaker with the weights of `ours`."""
    plain = PlainViewmaker(channels, len(ours.blocks), ours.budget)
    for kind in (nn.Conv2d, nn.InstanceNorm2d):
        to, of = ([module for module in network.modules() if isinstance(module, kind)] for network in (plain, ours))
        for mine, theirs in zip(to, of, strict=True):
            mine.load_state_dict(theirs.state_dict())
    return plain
