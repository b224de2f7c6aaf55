"""The counter-based random numbers of `utils.seeding`, made on the device that uses them.

Words are the same bits on every device; normal numbers differ by rounding between devices.
"""

import math

import numpy as np
import torch
from torch import Tensor

from utils.seeding import GOLDEN, MIX1, MIX2


def _signed(word: int) -> int:
    """The int64 with the bits of an unsigned 64-bit number."""
    return (int(word) + 2**63) % 2**64 - 2**63


def _shift(z: Tensor, bits: int) -> Tensor:
    """Logical shift to the right; torch's own repeats the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def words(key: int, indices: np.ndarray, count: int, device: torch.device) -> Tensor:
    """`count` random words for each index: int64 [len(indices), count], all 64 bits random.

    Those from which `utils.seeding.uniforms` makes its numbers: a row depends on `key`, its index and `count` alone.
    """
    row = torch.from_numpy(np.asarray(indices).astype(np.int64)).to(device)
    element = row[:, None] * count + torch.arange(1, count + 1, device=device)
    z = element * _signed(GOLDEN) + _signed(key)
    z = (z ^ _shift(z, 30)) * _signed(MIX1)
    z = (z ^ _shift(z, 27)) * _signed(MIX2)
    return z ^ _shift(z, 31)


def normals(key: int, indices: np.ndarray, count: int, device: torch.device) -> Tensor:
    """`count` standard normal numbers for each index, by Box and Muller's method: float32 [len(indices), count]."""
    z = words(key, indices, -(-count // 2), device)
    first, second = (_shift(z, 32) + 1).float() * 2.0**-32, (z & 0xFFFFFFFF).float() * 2.0**-32
    radius, angle = (-2 * first.log()).sqrt_(), second * (2 * math.pi)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]
