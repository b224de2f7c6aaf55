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

from generators.colour_model import REORDER
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

    @property
    def quarter(self) -> np.ndarray:
        """Its taps from the middle on; half of the middle row, which is met from above and from below."""
        reach = len(self.taps) // 2
        return self.taps[reach:, reach:] * np.where(np.arange(reach + 1) == 0, 0.5, 1)[:, None]


@functools.cache
def parts(name: str) -> list[Part]:
    """The filter of this name, or what "bands" are made of: the first, the third, and the parts of the second that are
    odd across and odd down. The fourth is the second in a mirror: their difference."""
    if name != "bands":
        return [Part(taps()[name], 1, 1)]
    first, second, third, _ = taps()[name]
    mirrored = second[:, ::-1]
    return [Part(first, -1, 1), Part(third, 1, -1), Part((second - mirrored) / 2, -1, 1),
            Part((second + mirrored) / 2, 1, -1)]


def correlate(images: np.ndarray, part: Part, result: np.ndarray, step: int = 1, raised: bool = False) -> None:
    """Add images, [B, N, N], correlated with a filter, to result, [B, N / step, N / step].

    step: of all pixels, from the first, how many make one. raised: every second row of images is known to be 0.
    """
    add_correlation(images, part.quarter.astype(images.dtype), part.across, part.down, step, raised, result)


@njit(cache=True, nogil=True, fastmath=REORDER)
def add_correlation(images: np.ndarray, quarter: np.ndarray, across: int, down: int, step: int, raised: bool,
                    result: np.ndarray) -> None:
    """`correlate`; quarter: taps from the middle on, [reach + 1, reach + 1]. The same row of all images is one line."""
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
            if step == 1:
                for x in range(size):
                    target[x] += values[x]
            else:
                for x in range(size // step):
                    target[x] += values[x * step]


@functools.lru_cache(maxsize=64)
def responses(name: str, n: int, device: str, dtype: torch.dtype) -> torch.Tensor:
    """Factors by which correlation with `parts(name)` changes the rfft2 of n x n pixels: complex [parts, 1, n, K]."""
    filters = np.stack([part.taps for part in parts(name)])
    reach = filters.shape[-1] // 2
    waves = np.exp(2j * np.pi * np.outer(scipy.fft.fftfreq(n), np.arange(-reach, reach + 1)))
    masks = np.einsum("ki,fij,lj->fkl", waves, filters, waves[: n // 2 + 1])[:, None]
    return torch.from_numpy(masks).to(device, dtype.to_complex())


def correlate_by_fft(images: torch.Tensor, name: str, total: bool) -> torch.Tensor:
    """Images [B, N, N] or [parts, B, N, N], each correlated with `parts(name)`: as the latter, or the total [B, N, N].
    """
    size = images.shape[-1]
    n = scipy.fft.next_fast_len(size + 2 * REACH, real=True)
    after = n - size - REACH
    padded = torch.nn.functional.pad(images, (REACH, after, REACH, after), mode="reflect")
    spectrum = torch.fft.rfft2(padded) * responses(name, n, str(images.device), images.dtype)
    if total:
        spectrum = spectrum.sum(dim=0)
    return torch.fft.irfft2(spectrum, s=(n, n))[..., REACH : REACH + size, REACH : REACH + size]


def spread(images: torch.Tensor, name: str, step: int = 1) -> torch.Tensor:
    """Images [B, N, N] correlated with each of `parts(name)`, every `step` pixels: [parts, B, N / step, N / step]."""
    if images.is_cuda:
        return correlate_by_fft(images, name, total=False)[..., ::step, ::step]
    count, size, _ = images.shape
    result = images.new_zeros(len(parts(name)), count, size // step, size // step)
    for part, target in zip(parts(name), result.numpy(), strict=True):
        correlate(images.numpy(), part, target, step)
    return result


def gather(images: torch.Tensor, name: str, raised: bool = False) -> torch.Tensor:
    """The total of images [parts, B, N, N], each correlated with its part of `parts(name)`: [B, N, N]."""
    if images.is_cuda:
        return correlate_by_fft(images, name, total=True)
    result = torch.zeros_like(images[0])
    for part, source in zip(parts(name), images.numpy(), strict=True):
        correlate(source, part, result.numpy(), raised=raised)
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
        levels, low = [], spread(images, "lo0")[0]
        for _ in range(self.scales):
            first, third, odd_across, odd_down = spread(low, "bands")
            levels.append(torch.stack([first, odd_down + odd_across, third, odd_down - odd_across]))
            low = spread(low, "lofilt", step=2)[0]
        levels[0] = torch.cat([spread(images, "hi0"), levels[0]])
        return [*levels, low[None]]

    def join(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """The images [B, size, size] that are made of levels as `split` returns them."""
        *levels, (low,) = levels
        for bands in reversed(levels):
            first, second, third, fourth = bands[-ORIENTATIONS:]
            size = bands.shape[-1]
            raised = low.new_zeros(1, len(low), size, size)
            raised[0, :, ::2, ::2] = low
            # To convolve with an odd filter is to correlate with the negative of it.
            low = gather(raised, "lofilt", raised=True) - gather(
                torch.stack([first, third, second - fourth, second + fourth]), "bands")
        return gather(low[None], "lo0") + gather(levels[0][:1], "hi0")
