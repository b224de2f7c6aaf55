"""The steerable pyramid of real images with filters in space: four orientations at each of a few scales.

    pyramid = SteerablePyramid(size=128, scales=3)
    levels = pyramid.split(images)                               # images: [B, 128, 128]
    images = pyramid.join(levels)                                # nearly the same images, but at the border

Simoncelli and Freeman, "The steerable pyramid: a flexible architecture for multi-scale derivative computation", ICIP
1995; the filters are `sp3_filters` of pyrtools (MIT licence; Karasaridis and Simoncelli, "A filter design technique
for steerable pyramid image transforms", ICASSP 1996), tap for tap in sp3_filters.json. With * for correlation,

    highpass = hi0 * image,  low_0 = lo0 * image,
    band b of scale i = bands[b] * low_i,  low_(i + 1) = every second pixel of lofilt * low_i, from the first,
    lowpass = low_scales.

Edges are reflected about the last pixel, before each filter. The way back goes through the same steps from the coarsest
scale on: zeros are put between the pixels, edges are reflected *then*, and all is convolved with the filters that made
it. Convolution inside is the transpose of correlation and gives the image back to 5 %. At the border it is not, as the
transpose of a reflection would add what lies beyond to what lies within; so the image does not come back there. All
this is `SteerablePyramidSpace(edge_type="reflect1")` of pyrtools, for many images at once and on GPUs.

Each filter is even or odd along each axis; of the bands, which are odd about their middle, the second and the fourth
are the sum and the difference of two such. So on a CPU, pixels are added by fours before they are multiplied. On a GPU
filters are applied in the frequency domain, to images that are padded.
"""

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.fft
import torch
from numba import njit

from generators.statistical.colour_model import REORDER
from utils.cli import UserError

ORIENTATIONS = 4
REACH = 8  # of the largest filter, to each side


@functools.cache
def taps() -> dict[str, np.ndarray]:
    """The filters, float64: hi0 [15, 15], lo0 [9, 9], lofilt [17, 17], bands [4, 9, 9]."""
    filters = json.loads(Path(__file__).with_name("sp3_filters.json").read_text())
    return {name: np.array(rows) for name, rows in filters.items()}


class Part(NamedTuple):
    """A filter that is even or odd along each axis; signs of 1 and -1 say which."""

    taps: np.ndarray  # [k, k]
    across: int
    down: int

    def quarter(self, dtype: np.dtype) -> np.ndarray:
        """Its taps from the middle on; half of the middle row, which is met from above and from below."""
        reach = len(self.taps) // 2
        quarter = self.taps[reach:, reach:].astype(dtype)
        quarter[0] /= 2
        return quarter


@functools.cache
def parts(name: str) -> list[Part]:
    """The filter of this name, or what "bands" are made of: the first, the part of the second that is odd across, the
    third, and the part of the second that is odd down. The fourth is the second in a mirror: their difference."""
    if name != "bands":
        return [Part(taps()[name], 1, 1)]
    first, second, third, _ = taps()[name]
    mirrored = second[:, ::-1]
    return [Part(first, -1, 1), Part((second - mirrored) / 2, -1, 1), Part(third, 1, -1),
            Part((second + mirrored) / 2, 1, -1)]


@njit(cache=True, nogil=True, fastmath=REORDER)
def correlate(images: np.ndarray, quarter: np.ndarray, across: int, down: int, step: int, raised: bool, add: bool,
              result: np.ndarray) -> None:
    """Write images [B, N, N], correlated with a part, to `result`, [B, N / step, N / step].

    step: of all pixels, from the first, how many make one of the result. raised: every second row of images is known to
    be 0. add: to what is there; needs a step of 1. The same row of all images is one line.
    """
    count, size, _ = images.shape
    reach = len(quarter) - 1
    folded, sums = np.zeros((count, size + 2 * reach), images.dtype), np.empty((count, size + 2 * reach), images.dtype)
    line, length = folded.reshape(-1), folded.size - 2 * reach
    middle, total = line[reach : reach + length], sums.reshape(-1)[:length]
    across, down = images.dtype.type(across), images.dtype.type(down)
    for y in range(0, size, step):
        total[:] = 0
        for dy in range(reach + 1):
            if raised and (y + dy) % 2 == 1:
                continue
            for b in range(count):
                above, below, row = images[b, abs(y - dy)], images[b, min(y + dy, 2 * (size - 1) - y - dy)], folded[b]
                inside = row[reach:]
                for x in range(size):
                    inside[x] = below[x] + down * above[x]
                for dx in range(1, reach + 1):
                    row[reach - dx] = row[reach + dx]
                    row[reach + size - 1 + dx] = row[reach + size - 1 - dx]
            if across > 0:
                for x in range(length):
                    total[x] += quarter[dy, 0] * middle[x]
            for dx in range(1, reach, 2):  # by twos, which halves what is read and written of the sums
                near, far = quarter[dy, dx], quarter[dy, dx + 1]
                left, right = line[reach - dx : reach - dx + length], line[reach + dx : reach + dx + length]
                lefter, righter = line[reach - dx - 1 :], line[reach + dx + 1 :]
                for x in range(length):
                    total[x] += near * (right[x] + across * left[x]) + far * (righter[x] + across * lefter[x])
            if reach % 2 == 1:
                right, far = line[2 * reach :], quarter[dy, reach]
                for x in range(length):
                    total[x] += far * (right[x] + across * line[x])
        for b in range(count):
            target, values = result[b, y // step], sums[b]
            if step > 1:
                for x in range(size // step):
                    target[x] = values[x * step]
            elif add:
                for x in range(size):
                    target[x] += values[x]
            else:
                for x in range(size):
                    target[x] = values[x]


@functools.lru_cache(maxsize=64)
def responses(name: str, n: int, device: str, dtype: torch.dtype) -> torch.Tensor:
    """Factors by which correlation with `parts(name)` changes the rfft2 of n x n pixels: complex [parts, 1, n, K]."""
    filters = np.stack([part.taps for part in parts(name)])
    reach = filters.shape[-1] // 2
    waves = np.exp(2j * np.pi * np.outer(scipy.fft.fftfreq(n), np.arange(-reach, reach + 1)))
    masks = np.einsum("ki,fij,lj->fkl", waves, filters, waves[: n // 2 + 1])[:, None]
    return torch.from_numpy(masks).to(device, dtype.to_complex())


def correlate_by_fft(images: torch.Tensor, name: str) -> torch.Tensor:
    """The rfft2 of images, [B, N, N] or [parts, B, N, N], correlated with `parts(name)`: complex [parts, B, n, K]."""
    n = padded_size(images.shape[-1])
    after = n - images.shape[-1] - REACH
    padded = torch.nn.functional.pad(images, (REACH, after, REACH, after), mode="reflect")
    return torch.fft.rfft2(padded) * responses(name, n, str(images.device), images.dtype)


def padded_size(size: int) -> int:
    return scipy.fft.next_fast_len(size + 2 * REACH, real=True)


def spread_by_fft(images: torch.Tensor, name: str, result: torch.Tensor, step: int = 1) -> None:
    """`spread`, on any device."""
    n, inside = padded_size(images.shape[-1]), slice(REACH, REACH + images.shape[-1], step)
    result.copy_(torch.fft.irfft2(correlate_by_fft(images, name), s=(n, n))[..., inside, inside])


def gather_by_fft(images: list[torch.Tensor], name: str) -> torch.Tensor:
    """`gather`, on any device."""
    size = images[0].shape[-1]
    n, inside = padded_size(size), slice(REACH, REACH + size)
    return torch.fft.irfft2(correlate_by_fft(torch.stack(images), name).sum(dim=0), s=(n, n))[..., inside, inside]


def spread(images: torch.Tensor, name: str, result: torch.Tensor, step: int = 1) -> None:
    """Write images [B, N, N], correlated with each of `parts(name)`, every `step` pixels, to `result`: [parts, B,
    N / step, N / step]."""
    if images.is_cuda:
        spread_by_fft(images, name, result, step)
        return
    for part, target in zip(parts(name), result.numpy(), strict=True):
        correlate(images.numpy(), part.quarter(target.dtype), part.across, part.down, step, False, False, target)


def gather(images: list[torch.Tensor], name: str, raised: bool = False) -> torch.Tensor:
    """The total of images [B, N, N], one for each of `parts(name)` and correlated with it: [B, N, N].

    raised: every second row of the images is known to be 0, from the second on, which saves time.
    """
    if images[0].is_cuda:
        return gather_by_fft(images, name)
    result = torch.empty_like(images[0])
    total = result.numpy()
    for number, (part, source) in enumerate(zip(parts(name), images, strict=True)):
        correlate(source.numpy(), part.quarter(total.dtype), part.across, part.down, 1, raised, number > 0, total)
    return result


class SteerablePyramid:
    """The pyramid of real square images. Raises UserError unless scales is at least 1 and size a multiple of 2^scales,
    at least 8 of them."""

    def __init__(self, size: int, scales: int) -> None:
        if scales < 1 or size % 2**scales or size < 8 * 2**scales:
            least = 2 ** max(scales, 1)
            raise UserError(f"a steerable pyramid has one scale or more, and with {scales} takes images whose size is "
                            f"a multiple of {least} and at least {8 * least}, not {size}")
        self.size, self.scales = size, scales

    def split(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The pyramid of images, float32 or float64 [B, size, size].

        Returns the levels from fine to coarse, [filters, B, n, n]: level 0 (n = size) holds the highpass residual and
        then the oriented bands of scale 0; level i those of scale i, n = size / 2^i; the last the lowpass residual,
        n = size / 2^scales.
        """
        count, low = len(images), torch.empty_like(images)
        spread(images, "lo0", low[None])
        levels = []
        for scale in range(self.scales):
            size = self.size >> scale
            level = images.new_empty(ORIENTATIONS + (scale == 0), count, size, size)
            bands = level[-ORIENTATIONS:]
            spread(low, "bands", bands)
            odd_across, odd_down = bands[1].clone(), bands[3]
            bands[1] += odd_down
            bands[3] -= odd_across
            levels.append(level)
            low, above = images.new_empty(count, size // 2, size // 2), low
            spread(above, "lofilt", low[None], step=2)
        spread(images, "hi0", levels[0][:1])
        return [*levels, low[None]]

    def join(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """The images [B, size, size] that are made of levels as `split` returns them."""
        *levels, (low,) = levels
        for level in reversed(levels):
            first, second, third, fourth = level[-ORIENTATIONS:]
            raised = torch.zeros_like(first)
            raised[:, ::2, ::2] = low
            low = gather([raised], "lofilt", raised=True)
            # To convolve with an odd filter is to correlate with the negative of it.
            low -= gather([first, second - fourth, third, second + fourth], "bands")
        return gather([low], "lo0").add_(gather([levels[0][0]], "hi0"))
