"""Memory that images rendered while training keep: what batches of 768 add to this process, and what the workers hold.

    python -m benchmarks.image_memory dead_leaves-mixed --resolution 128
    python -m benchmarks.image_memory blocks --resolution 256        # grey, in blocks of 8, as StyleGANs make them

Anonymous memory (Linux; without libraries and memory maps), read while batch after batch is taken from the stream.
There is no encoder.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from os import getpid

import numpy as np

from utils.cli import parser, positive_int, run


@dataclass(frozen=True)
class Blocks:
    """Grey images in blocks of 8, which take no time to make."""

    resolution: int
    seed: int = 0
    block: int = 8

    def render(self, indices: Sequence[int]) -> np.ndarray:
        return np.full((len(indices), self.resolution, self.resolution, 3), 127, np.uint8)


def anonymous(process: int) -> int:
    """Bytes of a process that are in no file: libraries and memory maps are left out."""
    with open(f"/proc/{process}/smaps_rollup") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Anonymous:"))


def workers() -> list[int]:
    """The processes that this one has spawned to render."""
    listing = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(getpid())], capture_output=True, text=True,
                             check=True)
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if "spawn_main" in line]


def main() -> None:
    # Here, because the workers import this file, and in training need no torch.
    from generators.named import make_process
    from training.images.order import Order
    from training.images.streams import RenderedImages

    p = parser("python -m benchmarks.image_memory", __doc__)
    p.add_argument("name", help="dataset, or 'blocks'")
    p.add_argument("--resolution", type=positive_int, default=128, help="height and width of the images")
    p.add_argument("--batch", type=positive_int, default=768, help="images of a batch")
    p.add_argument("--batches", type=positive_int, default=24, help="batches that are taken")
    args = p.parse_args()
    process = Blocks(args.resolution) if args.name == "blocks" else make_process(args.name, args.resolution)
    images = RenderedImages(process, 105_000, endless=True, workers=2)
    images.examples()
    order = Order(images.count, args.batch, 0, images.together, endless=True)
    before, most, theirs = anonymous(getpid()), 0, 0
    for pixels in images.stream(order.batch(step)[1] for step in range(args.batches)):
        most = max(most, anonymous(getpid()))
        theirs = max(theirs, sum(map(anonymous, workers())))
        del pixels  # as training does before it asks for the next
    print(f"{args.name}, {args.resolution} px, batches of {args.batch}: {(most - before) / 1e6:.0f} MB at most beside "
          f"{before / 1e6:.0f} MB, and {theirs / 1e6:.0f} MB in 2 workers")


if __name__ == "__main__":
    run(main)
