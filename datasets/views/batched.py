"""Two random views per image, as batched tensor operations on the device that trains.

Every image has its own draw (torchvision's batched transforms share one draw over the batch). Crop and resize are two
batched matrix products, and so is a blur; the four colour operations run in each image's own order. On a CPU the same
arithmetic runs as one compiled pass per image (`datasets.views.cpu`), which keeps an image in the cache.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from datasets.views.cpu import BLUR_REACH, render_views
from datasets.views.parameters import BRIGHTNESS, CONTRAST, HUE, ViewParameters


def make_views(images: Tensor, parameters: ViewParameters, size: int, mean: Sequence[float], std: Sequence[float],
               ) -> Tensor:
    """One view of each image, normalised with `mean` and `std` (per channel, of values in 0..1).

    images: uint8 [B, H, W, 3]. Returns float32 [B, 3, size, size] on the same device, channels last in memory.
    """
    if images.device.type == "cpu":
        return _views_cpu(images.numpy(), parameters, size, mean, std)
    return batched_views(images, parameters, size, mean, std)


def _views_cpu(images: np.ndarray, p: ViewParameters, size: int, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    out = np.empty((len(images), size, size, 3), np.float32)
    moments = np.array(mean, np.float32), np.array(std, np.float32)

    def part(rows: slice) -> None:
        render_views(images[rows], p.box[rows], p.flip[rows], p.order[rows], p.factor[rows], p.gray[rows],
                     p.blur[rows], *moments, out[rows])

    threads = min(torch.get_num_threads(), len(images))
    edges = np.linspace(0, len(images), threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, map(slice, edges[:-1], edges[1:])))
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def batched_views(images: Tensor, p: ViewParameters, size: int, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """`make_views` by tensor operations alone, on any device."""
    device = images.device
    x = crop(images, p, size)
    for step in range(4):
        x = jitter(x, p.order[:, step], p.factor)
    x = torch.where(torch.from_numpy(p.gray).to(device)[:, None, None, None], luma(x), x)
    if p.blur.any():
        weights = blur_matrix(torch.from_numpy(p.blur).to(device, x.dtype), size)[:, None]
        x = weights @ x @ weights.transpose(2, 3)
    mean_, std_ = (torch.tensor(v, device=device).view(3, 1, 1) for v in (mean, std))
    return ((x - mean_) / std_).contiguous(memory_format=torch.channels_last)


def resize_matrix(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """Antialiased bilinear resampling of samples start .. start + length - 1 out of `source` to `size`, as matrices.

    start, length: float [B]. Returns float [B, size, source] whose rows sum to one: a triangle of half-width
    max(length / size, 1) around each output's centre, cut at the borders of the crop.
    """
    scale = (length / size)[:, None, None]
    centre = start[:, None, None] + scale * (torch.arange(size, device=start.device) + 0.5)[:, None]
    position = torch.arange(source, device=start.device) + 0.5
    weight = (1 - (position - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    inside = (position > start[:, None, None]) & (position < (start + length)[:, None, None])
    weight = weight * inside
    return weight / weight.sum(dim=2, keepdim=True)


def crop(images: Tensor, p: ViewParameters, size: int) -> Tensor:
    """Crop to the boxes, resize to size × size, flip where asked: uint8 [B, H, W, 3] -> float32 [B, 3, size, size]."""
    _, height, width, _ = images.shape
    top, left, h, w = torch.from_numpy(p.box).to(images.device, torch.float32).unbind(1)
    rows, columns = resize_matrix(top, h, height, size), resize_matrix(left, w, width, size)
    columns = torch.where(torch.from_numpy(p.flip).to(images.device)[:, None, None], columns.flip(1), columns)
    x = images.permute(0, 3, 1, 2).float() / 255
    return rows[:, None] @ x @ columns.transpose(1, 2)[:, None]


def blur_matrix(deviation: Tensor, size: int) -> Tensor:
    """A Gaussian blur of `size` samples as matrices: deviation float [B], in samples -> float [B, size, size].

    Row i holds the weights of output i. The kernel ends BLUR_REACH deviations from its centre. Samples beyond a border
    are those mirrored at it, the outermost left out, as torchvision pads. Deviation 0 changes nothing.
    """
    sigma = deviation.clamp(min=1e-3)[:, None, None]
    reach = (BLUR_REACH * sigma).ceil().clamp(max=size - 1)
    i, j = torch.arange(size, device=sigma.device)[:, None], torch.arange(size, device=sigma.device)
    straight, first, last = ((-0.5 * (distance / sigma).square()).exp() * (distance.abs() <= reach)
                             for distance in (j - i, j + i, 2 * (size - 1) - j - i))
    weight = straight + first * (j > 0) + last * (j < size - 1)
    return weight / weight.sum(dim=2, keepdim=True)


def luma(x: Tensor) -> Tensor:
    """Grey value [B, 1, H, W] of RGB [B, 3, H, W], with torchvision's weights."""
    r, g, b = x.unbind(1)
    return (0.2989 * r + 0.587 * g + 0.114 * b)[:, None]


def jitter(x: Tensor, operation: np.ndarray, factor: np.ndarray) -> Tensor:
    """Apply to each image of x, float [B, 3, H, W] in 0..1, its one colour operation.

    operation: int [B], factor: float [B, 4] holds a column for each operation. Brightness, contrast and saturation
    blend with black, with the mean grey and with the grey image; hue turns by `factor` turns.
    """
    rows = np.arange(len(operation))
    chosen = np.where(operation == HUE, 1.0, factor[rows, operation])  # a blend by 1 leaves the hue images alone
    f = torch.from_numpy(chosen).to(x.device, x.dtype)[:, None, None, None]
    is_ = [torch.from_numpy(operation == o).to(x.device)[:, None, None, None] for o in (BRIGHTNESS, CONTRAST)]
    grey = luma(x)
    other = torch.where(is_[0], 0.0, torch.where(is_[1], grey.mean(dim=(2, 3), keepdim=True), grey))
    x = (f * x + (1 - f) * other).clamp(0, 1)
    hue = rows[operation == HUE]
    if len(hue):
        hue_rows = torch.from_numpy(hue).to(x.device)
        shift = torch.from_numpy(factor[hue, HUE]).to(x.device, x.dtype)
        x = x.index_copy(0, hue_rows, shift_hue(x[hue_rows], shift))
    return x


def shift_hue(x: Tensor, shift: Tensor) -> Tensor:
    """Rotate the HSV hue of RGB x, [B, 3, H, W] in 0..1, by `shift` [B] turns; see views_cpu for the formula."""
    value, chroma = x.amax(dim=1), x.amax(dim=1) - x.amin(dim=1)
    r, g, b = x.unbind(1)
    safe = torch.where(chroma > 0, chroma, 1.0)
    hue = torch.where(value == r, (g - b) / safe, torch.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    hue = hue + 6 * shift[:, None, None]
    k = torch.stack([(n + hue) % 6 for n in (5, 3, 1)], dim=1)
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
