"""Light, geometry and compression. Each function takes x, float [N, 3, H, W] in [0, 1], the strength of its severity
and a generator for each image, and returns float [N, 3, H, W], not yet held to [0, 1]."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datasets.corruptions.operators import box_matrix, draw, gaussian, sample

Generators = Sequence[np.random.Generator]


def _scaled_value(x: Tensor, value: Tensor) -> Tensor:
    """x with the HSV value [N, 1, H, W] in place of its own, hue and saturation kept; black becomes grey."""
    before = x.amax(1, keepdim=True)
    return torch.where(before > 0, x / before.clamp(min=1e-9) * value, value)


def brightness(x: Tensor, more: float, generators: Generators) -> Tensor:
    """HSV value + more, held to 1."""
    return _scaled_value(x, (x.amax(1, keepdim=True) + more).clamp(0, 1))


def saturate(x: Tensor, strength: tuple[float, float], generators: Generators) -> Tensor:
    """HSV saturation · strength[0] + strength[1], held to 1. Where there is no colour the hue counts as red."""
    value, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    chroma = value - low
    saturation = torch.where(value > 0, chroma / value.clamp(min=1e-9), 0.0)
    wanted = (saturation * strength[0] + strength[1]).clamp(0, 1)
    red = torch.tensor([0.0, 1.0, 1.0], device=x.device, dtype=x.dtype).view(1, 3, 1, 1)
    share = torch.where(chroma > 0, (value - x) / chroma.clamp(min=1e-9), red)  # of the chroma that a channel lacks
    return value * (1 - wanted * share)


def contrast(x: Tensor, factor: float, generators: Generators) -> Tensor:
    """Distances to the image's mean colour · factor."""
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) * factor + mean


def elastic_transform(x: Tensor, strength: tuple[float, float, float], generators: Generators) -> Tensor:
    """strength, in pixels: scale and smoothness (sigma) of a random displacement (Simard et al. 2003), and how far
    three points are moved, ± uniform, by an affine map before it."""
    scale, sigma, far = strength
    height, width = x.shape[2:]
    moved = draw(generators, lambda g: g.uniform(-far, far, (3, 2)), x.double())
    right, down = draw(generators, lambda g: g.uniform(-1, 1, (2, height, width)), x).unbind(1)
    x = three_points_moved(x, moved)
    return displaced(x, *(scale * gaussian(field, sigma, "reflect", 3.0) for field in (right, down)))


def three_points_moved(x: Tensor, moved: Tensor) -> Tensor:
    """The affine map of images [N, 3, H, W] that moves three corners of a square about the middle, whose sides are two
    thirds of the image, by `moved`, float64 [N, 3, 2] (right and down, in pixels)."""
    n, _, height, width = x.shape
    middle, third = moved.new_tensor([height // 2, width // 2]), min(height, width) // 3
    corner = middle + third * moved.new_tensor([[1, 1], [1, -1], [-1, -1]])
    # Sampling asks for the inverse: the map that takes the points to the corners.
    points = torch.cat([corner + moved, torch.ones_like(moved[:, :, :1])], 2)
    inverse = torch.linalg.solve(points, corner.expand(n, 3, 2))
    y, at = torch.meshgrid(*(torch.arange(side, dtype=moved.dtype, device=x.device) for side in (height, width)),
                           indexing="ij")
    place = (torch.stack([at, y, torch.ones_like(y)], 2).view(1, -1, 3) @ inverse).view(n, height, width, 2).to(x)
    return sample(x, place[..., 1], place[..., 0], repeat_edge=False)


def displaced(x: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """x, [N, 3, H, W], each pixel taken from so many pixels, [N, H, W], to its right and below it."""
    y, at = (torch.arange(side, device=x.device, dtype=x.dtype) for side in x.shape[2:])
    return sample(x, y[:, None] + down, at + right, repeat_edge=True)


def pixelate(x: Tensor, factor: float, generators: Generators) -> Tensor:
    """Resized to `factor` of each side and back, by means over boxes of pixels rounded to whole values each time."""
    full = x.shape[2:]
    for height, width in ([int(side * factor) for side in full], full):
        for axis, size in ((3, width), (2, height)):  # columns, then rows, each rounded to 8 bits as Pillow does
            box = torch.from_numpy(box_matrix(x.shape[axis], size)).to(x)
            x = (255 * (x @ box.T if axis == 3 else box @ x) + 0.5).floor() / 255
    return x


def jpeg_compression(x: Tensor, quality: int, generators: Generators) -> Tensor:
    """Written as JPEG of this quality and read again, by Pillow: the format itself, on the CPU, a thread a core."""
    pixels = (255 * x).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def through(image: np.ndarray) -> np.ndarray:
        data = io.BytesIO()
        Image.fromarray(image).save(data, "JPEG", quality=quality)
        return np.asarray(Image.open(data))

    with ThreadPoolExecutor() as pool:
        out = np.stack(list(pool.map(through, pixels)))
    return torch.from_numpy(out).to(x.device).permute(0, 3, 1, 2).to(x.dtype) / 255
