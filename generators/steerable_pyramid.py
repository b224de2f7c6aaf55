"""The steerable pyramid of real images with filters in space: four orientations at each of a few scales.

    pyramid = steerable_pyramid(size=128, scales=3)
    levels = pyramid.split(images)                               # images: [B, 128, 128]
    images = pyramid.join(levels)                                # nearly the same images, but at the border

Simoncelli and Freeman, "The steerable pyramid: a flexible architecture for multi-scale derivative computation", ICIP
1995; the filters are `sp3_filters` of pyrtools (MIT licence; Karasaridis and Simoncelli, "A filter design technique
for steerable pyramid image transforms", ICASSP 1996), tap for tap in sp3_filters.json. With * for correlation,

    highpass = hi0 * image,  low_0 = lo0 * image,
    band b of scale i = bands[b] * low_i,  low_(i + 1) = every second pixel of lofilt * low_i, from the first,
    lowpass = low_scales.

Edges are reflected about the last pixel, before each filter. The way back goes through the same steps from the coarsest
scale on: zeros are put between the pixels, edges are reflected *then*, and the bands are convolved with the filters
that made them. Convolution inside is the transpose of correlation and gives the image back to 3 %. At the border it is
not, as the transpose of a reflection would add what lies beyond to what lies within; so the image does not come back
there. (matlabPyrTools does this where it has no compiled part, and only knows reflection then.)

Filters are applied in the frequency domain, to images that are padded by as much as they reach. A symmetric filter of
a reflected image is reflected itself, so those of lo0 and what follows it at full size make one.
"""

import functools
import json
from pathlib import Path

import numpy as np
import scipy.fft
import torch

from utils.cli import UserError

ORIENTATIONS = 4
REACH = 8  # of the largest filter, lofilt
REACH_OF_TWO = 12  # of lofilt after lo0


@functools.cache
def taps() -> dict[str, np.ndarray]:
    """The filters, float64: hi0 [15, 15], lo0 [9, 9], lofilt [17, 17], bands [4, 9, 9]."""
    filters = json.loads(Path(__file__).with_name("sp3_filters.json").read_text())
    return {name: np.array(rows) for name, rows in filters.items()}


def response(filters: np.ndarray, n: int) -> np.ndarray:
    """What convolution with filters [..., k, k] multiplies the rfft2 of n x n pixels by: complex [..., n, n // 2 + 1].

    Correlation multiplies by its conjugate.
    """
    reach = filters.shape[-1] // 2
    rows = np.exp(-2j * np.pi * np.outer(scipy.fft.fftfreq(n), np.arange(-reach, reach + 1)))
    return np.einsum("ki,...ij,lj->...kl", rows, filters, rows[: n // 2 + 1])


class Bank:
    """Filters of one size of image; they are applied to images padded by `reach` and a little more, for a fast FFT.

    filters: as `response` makes them of their padded size [filters, n, n // 2 + 1], by a function of n.
    """

    def __init__(self, size: int, reach: int, filters, device: str, dtype: torch.dtype) -> None:
        self.size, self.reach = size, reach
        self.n = scipy.fft.next_fast_len(size + 2 * reach, real=True)
        self.masks = torch.from_numpy(filters(self.n)).to(device, dtype.to_complex())

    def spectrum(self, images: torch.Tensor) -> torch.Tensor:
        """rfft2 of reflected images [B, F, size, size]: complex [B, F, n, n // 2 + 1]."""
        after = self.n - self.size - self.reach
        padded = torch.nn.functional.pad(images, (self.reach, after, self.reach, after), mode="reflect")
        return torch.fft.rfft2(padded)

    def fields(self, spectrum: torch.Tensor) -> torch.Tensor:
        """The way back, cropped: [..., size, size]."""
        inside = slice(self.reach, self.reach + self.size)
        return torch.fft.irfft2(spectrum, s=(self.n, self.n))[..., inside, inside]

    def split(self, images: torch.Tensor) -> torch.Tensor:
        """Each filter's image of images [B, size, size]: [B, F, size, size]."""
        return self.fields(self.spectrum(images[:, None]) * self.masks)

    def join(self, bands: torch.Tensor) -> torch.Tensor:
        """The sum of images [B, F, size, size], each filtered by its own: [B, size, size]."""
        return self.fields((self.spectrum(bands) * self.masks).sum(dim=1))


class SteerablePyramid:
    """Use `steerable_pyramid`, which makes each pyramid once."""

    def __init__(self, size: int, scales: int, device: str, dtype: torch.dtype) -> None:
        if scales < 1 or size % 2**scales or size < 8 * 2**scales:
            raise UserError(f"a steerable pyramid of {scales} scales takes images whose size is a multiple of "
                            f"{2**max(scales, 1)} and at least {8 * 2**max(scales, 1)}, and 1 scale or more, not {size}")
        hi0, lo0, lofilt, bands = (taps()[name] for name in ("hi0", "lo0", "lofilt", "bands"))

        def of_scale(n: int) -> np.ndarray:
            return np.concatenate([response(bands, n), response(lofilt[None], n)])

        def first(n: int) -> np.ndarray:
            return np.concatenate([response(hi0[None], n), response(lo0, n) * of_scale(n)]).conj()

        def last(n: int) -> np.ndarray:
            return np.stack([response(hi0, n), response(lo0, n)])

        def bank(scale: int, reach: int, filters) -> Bank:
            return Bank(size >> scale, reach, filters, device, dtype)

        self.down = [bank(0, REACH_OF_TWO, first)]
        self.down += [bank(scale, REACH, lambda n: of_scale(n).conj()) for scale in range(1, scales)]
        self.up = [bank(scale, REACH, of_scale) for scale in range(scales)]
        self.last = bank(0, REACH, last)

    def split(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The pyramid of images [B, size, size].

        Returns the levels from fine to coarse, [B, filters, n, n]: level 0 (n = size) holds the highpass residual and
        then the oriented bands of scale 0; level i those of scale i, n = size / 2^i; the last the lowpass residual,
        n = size / 2^scales.
        """
        levels = []
        for bank in self.down:
            filtered = bank.split(images)
            levels.append(filtered[:, :-1])
            images = filtered[:, -1, ::2, ::2]
        return [*levels, images[:, None]]

    def join(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """The images [B, size, size] that are made of levels as `split` returns them."""
        highpass, low = levels[0][:, :1], levels[-1][:, 0]
        oriented = [levels[0][:, 1:], *levels[1:-1]]
        for bank, bands in zip(reversed(self.up), reversed(oriented), strict=True):
            raised = low.new_zeros(len(low), 1, bank.size, bank.size)
            raised[:, 0, ::2, ::2] = low
            low = bank.join(torch.cat([bands, raised], dim=1))
        return self.last.join(torch.cat([highpass, low[:, None]], dim=1))


@functools.lru_cache(maxsize=16)
def steerable_pyramid(size: int, scales: int, device: str = "cpu",
                      dtype: torch.dtype = torch.float32) -> SteerablePyramid:
    """The pyramid of real square images [B, size, size]; dtype is theirs, torch.float32 or torch.float64.

    Raises UserError unless scales is at least 1 and size a multiple of 2^scales, at least 8 of them.
    """
    return SteerablePyramid(size, scales, device, dtype)
