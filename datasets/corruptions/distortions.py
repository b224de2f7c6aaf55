"""Corruptions whose law is known, on batches of images in [0, 1], before they are normalised.

    mask:0.75            0 in all channels of exactly floor(0.75 · H · W) random pixels
    mask:0.5-0.95        a share for each image, uniform in this range
    mask:0.75,fixed      one mask for all images and epochs
    square:20            0 in a square of 20 pixels at a random place; square:20,centre in the middle
    noise:0.3            + 0.3 · N(0, 1) for each number, not clipped; noise:0.1-0.3; noise:0.3,fixed, one noise for all
    blur:21,5            Gaussian of an odd kernel of 21 pixels and sigma 5, mirrored at the borders; blur:23,1-5
    multi:1 ... multi:4  the four mixtures, drawn anew for each image (`datasets.corruptions.mixtures`)
    none

Source: Ravula et al., "Inverse Problems Leveraging Pre-trained Contrastive Representations", NeurIPS 2021, section 4,
and their released code. All that is random is a function of (seed, epoch, image).
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from utils.cli import UserError
from utils.device_seeding import normals, words
from utils.seeding import stable_key, uniforms

KINDS = ("none", "mask", "square", "noise", "blur", "multi")
NUMBER = r"\d+\.?\d*|\.\d+"
SPEC = re.compile(rf"(?P<kind>\w+)(?::(?:(?P<kernel>\d+),(?=\d|\.))?(?P<low>{NUMBER})(?:-(?P<high>{NUMBER}))?"
                  r"(?P<how>,fixed|,centre)?)?")
LIMITS = {"mask": (0, 1), "square": (1, 4096), "noise": (0, 10), "blur": (0.01, 100), "multi": (1, 4)}


def random_mask(x: Tensor, share: Tensor, random: Tensor) -> Tensor:
    """x with exactly floor(share · H · W) pixels of each image at 0.

    x: float [B, C, H, W]; share: float64 [B] in [0, 1]; random: int64 [B, H · W] (or one row for all), whose smallest
    entries are the pixels that go.
    """
    pixels = x.shape[2] * x.shape[3]
    count = (share * pixels + 1e-9).floor()  # 0.29 · 100 is 28.999...
    if random.device.type == "cpu":  # NumPy sorts four times as fast as torch
        ascending = torch.from_numpy(np.sort(random.numpy(), axis=1))
    else:
        ascending = random.sort(1).values
    first_kept = ascending.expand(len(x), -1).gather(1, count.long().clamp(max=pixels - 1)[:, None])
    gone = (random < first_kept) | (count == pixels)[:, None]  # 64 bits: no two are equal
    return x.masked_fill(gone.view(len(x), 1, *x.shape[2:]), 0)


def square_mask(x: Tensor, side: Tensor, place: Tensor) -> Tensor:
    """x with a square of `side` pixels at 0, at the share `place` of the room there is.

    x: float [B, C, H, W]; side: [B], at most H and W; place: [B, 2] in [0, 1), down and to the right.
    """
    side = side.floor()
    inside = []
    for axis, size in enumerate(x.shape[2:]):
        start = (place[:, axis] * (size - side + 1)).floor()
        position = torch.arange(size, device=x.device)
        inside.append((position >= start[:, None]) & (position < (start + side)[:, None]))
    return x.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0)


def gaussian_noise(x: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """x + sigma · noise, not clipped. x: float [B, C, H, W]; sigma: [B]; noise: N(0, 1), [B or 1, C · H · W]."""
    return x + sigma.to(x.dtype)[:, None, None, None] * noise.view(-1, *x.shape[1:])


def gaussian_blur(x: Tensor, kernel: int, sigma: Tensor) -> Tensor:
    """x blurred by `kernel` samples of a Gaussian of `sigma` pixels, mirrored at the borders: two matrix products.

    x: float [B, C, H, W] with H and W above kernel // 2; sigma: [B], above 0.
    """
    offset = torch.arange(kernel, device=x.device) - kernel // 2
    weight = (-0.5 * (offset / sigma[:, None]).square()).exp()
    weight = (weight / weight.sum(1, keepdim=True)).to(x.dtype)

    def matrices(size: int) -> Tensor:
        """[B, size, size]: row i holds how much each pixel gives to pixel i."""
        source = (torch.arange(size, device=x.device)[:, None] + offset).abs()
        source = torch.where(source >= size, 2 * (size - 1) - source, source)
        zeros = x.new_zeros(len(x), size, size)
        return zeros.scatter_add_(2, source.expand(len(x), -1, -1), weight[:, None].expand(-1, size, -1))

    return matrices(x.shape[2])[:, None] @ x @ matrices(x.shape[3]).transpose(1, 2)[:, None]


def curriculum(epoch: float) -> float:
    """The share of its full level that a distortion has in `epoch`, counted from 0: 0.1 + 0.9 (1 - exp(-epoch / 5))."""
    return 0.1 + 0.9 * (1 - math.exp(-epoch / 5))


@dataclass(frozen=True)
class Distortion:
    """A corruption of a batch (see the module). Make one with `parse`."""

    kind: str
    low: float = 0.0  # of the level: share, sigma or side
    high: float = 0.0
    kernel: int = 0
    how: str = ""  # "fixed" or "centre"

    def __call__(self, x: Tensor, indices: np.ndarray, seed: Any, epoch: int, strength: float = 1.0) -> Tensor:
        """x corrupted: float [B, C, H, W] in [0, 1] to the same, beyond [0, 1] with noise.

        indices: int64 [B], the images' numbers. seed: anything JSON holds. strength: factor of the levels.
        """
        if self.kind == "none":
            return x
        if self.kind == "multi":
            from datasets.corruptions.mixtures import mixture  # which is made of the functions above

            return mixture(int(self.low), x, indices, seed, epoch)
        key = stable_key("distortion", self.kind, seed, epoch)
        drawn = uniforms(key, indices, 3)
        level = torch.from_numpy(strength * (self.low + (self.high - self.low) * drawn[:, 0])).to(x.device)
        if self.kind == "blur":
            return gaussian_blur(x, self.kernel, level)
        if self.kind == "square":
            place = np.full((len(x), 2), 0.5) if self.how == "centre" else drawn[:, 1:]
            return square_mask(x, level, torch.from_numpy(place).to(x.device))
        where = np.zeros(1, np.int64) if self.how == "fixed" else indices
        key = stable_key("distortion", self.kind, "fixed") if self.how == "fixed" else stable_key("pixels", key)
        if self.kind == "mask":
            return random_mask(x, level, words(key, where, x[0, 0].numel(), x.device))
        return gaussian_noise(x, level, normals(key, where, x[0].numel(), x.device))

    def check(self, size: int) -> None:
        """Raises UserError if images of `size` pixels are too small."""
        kernel = 23 if self.kind == "multi" else self.kernel
        if kernel // 2 >= size:
            raise UserError(f"a blur kernel of {kernel} pixels needs images of more than {kernel // 2}, not {size}")
        if self.kind == "square" and self.high > size:
            raise UserError(f"a square of {self.high:g} pixels does not fit into images of {size}")


def parse(text: str) -> Distortion:
    """The distortion that `text` describes (see the module). Raises UserError for one that is none."""
    match = SPEC.fullmatch(text)
    if match is None or match["kind"] not in KINDS or (match["low"] is None) != (match["kind"] == "none"):
        raise UserError(f"{text!r} is no distortion; pass one such as mask:0.75, mask:0.5-0.95, noise:0.3, blur:21,5, "
                        "square:20, multi:3 or none")
    kind, how = match["kind"], (match["how"] or "").removeprefix(",")
    if kind == "none":
        return Distortion("none")
    low = float(match["low"])
    high, kernel = float(match["high"] or low), int(match["kernel"] or 0)
    least, most = LIMITS[kind]
    if not least <= low <= high <= most or (kind == "multi" and (not low.is_integer() or match["high"])):
        raise UserError(f"the level of {text!r} must lie between {least:g} and {most:g}"
                        f"{', the lower end of a range first' if match['high'] else ''}")
    if (kind == "blur") != bool(match["kernel"]) or (kind == "blur" and kernel % 2 == 0):
        raise UserError(f"{text!r}: a blur has an odd kernel in pixels and a sigma, as in blur:21,5; others have no "
                        "kernel")
    if how and how not in {"mask": ("fixed",), "noise": ("fixed",), "square": ("centre",)}.get(kind, ()):
        raise UserError(f"{text!r}: fixed is for mask and noise, centre for square")
    return Distortion(kind, low, high, kernel, how)
