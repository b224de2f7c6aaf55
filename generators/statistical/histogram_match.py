"""Histogram matching: change values so that they have a given histogram and stay in order.

    match_histograms(values, histograms(samples, bins=256))      # values take the distribution of samples

Heeger and Bergen, "Pyramid-based texture analysis/synthesis", SIGGRAPH 1995, section 3: a value becomes the point of
the target's distribution function at the height that its own distribution function has there. As in their method both
functions are tables over equal bins, with straight lines between, so nothing is sorted. The values' own has 1,024 bins
over their range and is exact at the edges of these: the result is wrong by no more of its distribution than one bin
holds. (Sorting would be exact, and take ten times as long.) A numba kernel does it on the CPU, torch on a GPU.
"""

from typing import NamedTuple

import numpy as np
import torch
from numba import njit

BINS = 1024  # of the values that are changed
SHRINK = 1 - 2.0**-20  # keeps the largest value inside the last bin, whatever the rounding
FLAT = 1e-30  # a row of a smaller range counts as flat, so that bins per unit stay finite


class Histograms(NamedTuple):
    """Histograms of equal bins, one for each row: bin k of a row covers low + step * k .. low + step * (k + 1)."""

    low: torch.Tensor  # float32 [rows]
    step: torch.Tensor  # float32 [rows]
    cumulative: torch.Tensor  # float32 [rows, bins + 1]: the part of the whole below each edge, from 0 to 1

    def to(self, device: str) -> "Histograms":
        return Histograms(*(part.to(device) for part in self))


@njit(cache=True, nogil=True)
def count(values: np.ndarray, low: np.float32, high: np.float32, bins: int) -> tuple[np.ndarray, np.float32]:
    """How many values, float32 [n], lie in each of `bins` equal bins from their lowest to their highest, and bins per
    unit (0 if these are the same)."""
    scale = np.float32(bins * SHRINK / (high - low)) if high - low > FLAT else np.float32(0)
    counts = np.zeros(bins, np.int32)
    for x in values:
        counts[np.uint32((x - low) * scale)] += 1
    return counts, scale


def histograms(values: np.ndarray, bins: int) -> Histograms:
    """The histograms of rows of values, float32 [rows, n], each over the range of its row."""
    low, high = values.min(axis=1), values.max(axis=1)
    counts = np.stack([count(row, *ends, bins)[0] for row, *ends in zip(values, low, high, strict=True)])
    cumulative = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0))) / np.float32(values.shape[1])
    return Histograms(*map(torch.from_numpy, (low, (high - low) / bins, cumulative.astype(np.float32))))


def match_histograms(values: torch.Tensor, target: Histograms) -> torch.Tensor:
    """Rows of values, float32 [rows, n], with the histogram of `target` in each row; on the CPU changed in place."""
    if values.is_cuda:
        return match_on_gpu(values, target)
    rows = values.numpy()
    match_on_cpu(rows, rows.min(axis=1), rows.max(axis=1), *(part.numpy() for part in target))
    return values


@njit(cache=True, nogil=True)
def match_on_cpu(values: np.ndarray, lows: np.ndarray, highs: np.ndarray, goal_lows: np.ndarray,
                 goal_steps: np.ndarray, cumulative: np.ndarray) -> None:
    """`match_histograms` in place; lows and highs are the ends of each row."""
    table = np.empty((BINS, 2), np.float32)  # each bin's straight line: its value at 0 and its slope, by t below
    for r in range(len(values)):
        row, low, goal = values[r], lows[r], cumulative[r]
        counts, scale = count(row, low, highs[r], BINS)
        below, k, left = 0, 0, np.float32(0)
        for edge in range(BINS + 1):
            height = np.float32(below / len(row))
            while k < len(goal) - 2 and goal[k + 1] < height:
                k += 1
            rise = goal[k + 1] - goal[k]
            part = (height - goal[k]) / rise if rise > 0 else np.float32(0)
            right = goal_lows[r] + goal_steps[r] * (np.float32(k) + part)
            if edge > 0:
                table[edge - 1, 1] = right - left
                table[edge - 1, 0] = left - (right - left) * np.float32(edge - 1)
            if edge < BINS:
                below += counts[edge]
            left = right
        for i in range(len(row)):
            t = (row[i] - low) * scale
            position = np.uint32(t)
            row[i] = table[position, 0] + table[position, 1] * t


def match_on_gpu(values: torch.Tensor, target: Histograms) -> torch.Tensor:
    """What `match_on_cpu` does, for all rows at once and on any device."""
    low, high = values.aminmax(dim=-1, keepdim=True)
    t = (values - low) * torch.where(high - low > FLAT, BINS * SHRINK / (high - low), 0)
    bins = t.long()
    counts = torch.zeros(len(values), BINS, device=values.device).scatter_add_(1, bins, torch.ones_like(values))
    heights = torch.nn.functional.pad(counts.cumsum(dim=-1), (1, 0)) / values.shape[-1]
    k = torch.searchsorted(target.cumulative[:, 1:].contiguous(), heights).clamp_(max=target.cumulative.shape[-1] - 2)
    goal = target.cumulative.gather(1, k)
    rise = target.cumulative.gather(1, k + 1) - goal
    part = torch.where(rise > 0, (heights - goal) / rise, 0)
    edges = target.low[:, None] + target.step[:, None] * (k + part)
    return torch.lerp(edges.gather(1, bins), edges.gather(1, bins + 1), t - bins)
