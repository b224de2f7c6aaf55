"""How long something takes here that took so many minutes elsewhere, from about a second of timed work.

    python -m training.pace 5

The work is the forward and backward pass of a small convolution, by far the largest part of training. REFERENCE is its
pace on the machine that the minutes in scripts and README are from: 2 cores, AVX2 without AVX-512.
"""

import time

import torch
from torch.nn import functional as F

from utils.cli import parser, run

REFERENCE = 12.0  # passes a second
SECONDS = 1.0


def pace() -> float:
    """Passes a second, forward and backward, of a 3×3 convolution of 48 channels on 125 maps of 32×32, on the CPU."""
    weight = torch.randn(48, 48, 3, 3, requires_grad=True)
    maps = torch.randn(125, 48, 32, 32).to(memory_format=torch.channels_last)
    passes, start = -2, 0.0  # the first two allocate and choose kernels
    while passes < 1 or time.perf_counter() - start < SECONDS:
        F.conv2d(maps, weight, padding=1).sum().backward()
        passes += 1
        if passes == 0:
            start = time.perf_counter()
    return passes / (time.perf_counter() - start)


def main() -> None:
    p = parser("python -m training.pace", __doc__)
    p.add_argument("minutes", type=float, help="that it took at the reference pace")
    args = p.parse_args()
    ratio = pace() / REFERENCE
    print(f"This will take about {args.minutes / ratio:.0f} minutes here "
          f"({ratio:.1f} times the pace of the machine that README's minutes are from).")


if __name__ == "__main__":
    run(main)
