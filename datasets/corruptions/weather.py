"""Weather. Each function takes x, float [N, 3, H, W] in [0, 1], the strength of its severity and a generator for each
image, and returns float [N, 3, H, W], not yet held to [0, 1]."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datasets.corruptions.operators import draw, gaussian, motion, plasma, zoom
from datasets.corruptions.water import water

Generators = Sequence[np.random.Generator]
GREY = (0.299, 0.587, 0.114)  # shares of red, green and blue
MUD = (63 / 255, 42 / 255, 20 / 255)
WATER = (175 / 255, 238 / 255, 238 / 255)


def _colour(rgb: tuple[float, float, float], x: Tensor) -> Tensor:
    return torch.tensor(rgb, device=x.device, dtype=x.dtype).view(1, 3, 1, 1)


def snow(x: Tensor, strength: tuple[float, ...], generators: Generators) -> Tensor:
    """strength: mean and deviation of the flakes, their enlargement, from which value on they count, radius and sigma
    of the blur along which they fall, and how much of the image is kept from turning white."""
    mean, deviation, larger, least, radius, sigma, kept = strength
    shape = tuple(x.shape[2:])
    flakes = zoom(draw(generators, lambda g: g.normal(mean, deviation, shape), x), larger)
    angle = draw(generators, lambda g: g.uniform(-135, -45), x)
    flakes = torch.where(flakes < least, 0.0, flakes).clamp(0, 1)
    flakes = (255 * flakes + 1e-3).floor()[:, None] / 255
    fallen = (255 * motion(flakes, int(radius), sigma, angle)).round() / 255
    grey = (_colour(GREY, x) * x).sum(1, keepdim=True)
    white = torch.maximum(x, 1.5 * grey + 0.5)
    return kept * x + (1 - kept) * white + fallen + fallen.rot90(2, (2, 3))


def frost(x: Tensor, strength: tuple[float, float], generators: Generators, pictures: Sequence[Tensor] = ()) -> Tensor:
    """strength: weights of the image and of the frost over it.

    pictures: photographs of frost, float [3, h, w] in [0, 1], not smaller than x, of which a random part is taken, as
    in the benchmarks. Without them the frost is drawn: ridges where a fractal crosses its middle, bluish white.
    """
    height, width = x.shape[2:]
    if pictures:
        def part(generator: np.random.Generator) -> np.ndarray:
            picture = pictures[generator.integers(len(pictures))]
            top, left = (int(generator.integers(0, max(have - need, 1)))
                         for have, need in zip(picture.shape[1:], (height, width), strict=True))
            return picture[:, top : top + height, left : left + width].numpy()
        ice = draw(generators, part, x)
    else:
        field = fractal(x, 1.6, generators)
        ridges = (1 - 4 * (field - field.mean((1, 2), keepdim=True)).abs()).clamp(0, 1)
        ice = (0.25 + 0.75 * ridges)[:, None] * _colour((0.8, 0.9, 1.0), x)
    return strength[0] * x + strength[1] * ice


def fractal(x: Tensor, decay: float, generators: Generators) -> Tensor:
    """A plasma fractal for each image: float [N, H, W] in [0, 1], cut out of the power of two above x's longer side."""
    height, width = x.shape[2:]
    levels = (max(height, width) - 1).bit_length()
    draws = [draw(generators, lambda g, cells=2**level: g.uniform(-1, 1, (3, cells, cells)), x)
             for level in range(levels)]
    return plasma(draws, decay)[:, :height, :width]


def fog(x: Tensor, strength: tuple[float, float], generators: Generators) -> Tensor:
    """strength: how much of a fractal is added, and how fast its finer parts fade. The brightest value stays."""
    amount, decay = strength
    brightest = x.amax((1, 2, 3), keepdim=True)
    return (x + amount * fractal(x, decay, generators)[:, None]) * brightest / (brightest + amount)


def spatter(x: Tensor, strength: tuple[float, ...], generators: Generators) -> Tensor:
    """strength: mean and deviation of the drops, their blur, from which value on they count; then, of water (0), how
    opaque it is, and of mud (1), the blur of its edge."""
    mean, deviation, blur, least, last, mud = strength
    shape = tuple(x.shape[2:])
    drops = gaussian(draw(generators, lambda g: g.normal(mean, deviation, shape), x), blur)
    if mud:
        cover = gaussian((drops > least).to(x), last)
        cover = torch.where(cover < 0.8, 0.0, cover)[:, None]
        return x * (1 - cover) + _colour(MUD, x) * cover
    drops = torch.where(drops < least, 0.0, drops).clamp(0, 1)
    layer = np.stack([water(each) for each in drops.double().cpu().numpy()])
    return x + last * torch.from_numpy(layer).to(x)[:, None] * _colour(WATER, x)
