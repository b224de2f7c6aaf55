"""What the two orders of dead leaves differ in: the table of docs/dead_leaves.md.

    python -m benchmarks.dead_leaves_orders                  # about 20 s
    python -m benchmarks.dead_leaves_orders --images 100     # a quick look

For each image: the leaves that can be seen, the shares of the frame of the leaf on top of all and of the largest seen,
the leaves that were laid until the frame was full, and whether pixels stayed bare.
"""

import numpy as np

from generators.dead_leaves import ORDERS, DeadLeaves
from utils.cli import parser, positive_int, run

SHAPES = ("square", "oriented_square", "mixed", "triangle")


def measure(process: DeadLeaves, index: int) -> tuple[float, ...]:
    """Leaves seen, share of the top leaf, share of the largest, leaves laid, 1 if a pixel is bare."""
    labels, leaves = process.labels_and_leaves(index)
    pixels = np.bincount(labels[labels >= 0], minlength=len(leaves))
    top = pixels[0 if process.order == "nearest_first" else -1]
    return np.count_nonzero(pixels), top / labels.size, pixels.max() / labels.size, len(leaves), (labels < 0).any()


def main() -> None:
    options = parser("python -m benchmarks.dead_leaves_orders", __doc__)
    options.add_argument("--images", type=positive_int, default=1000, help="images of each row")
    options.add_argument("--resolution", type=positive_int, default=128, help="height and width in pixels")
    args = options.parse_args()
    print("| shape | order | leaves seen | top leaf, % of frame | largest leaf, % | leaves laid | images with gaps |")
    print("|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        for order in ORDERS:
            process = DeadLeaves(shape, resolution=args.resolution, order=order)
            values = np.array([measure(process, index) for index in range(args.images)], float)
            mean, error = values.mean(axis=0), 1.96 * values.std(axis=0) / len(values) ** 0.5
            seen, top, largest, drawn = (f"{scale * m:.{digits}f} ± {scale * e:.{digits}f}" for scale, digits, m, e in
                                         zip((1, 100, 100, 1), (1, 2, 1, 0), mean, error, strict=False))
            gaps = f"{values[:, 4].sum():.0f} of {args.images}"
            print(f"| {shape} | {order} | {seen} | {top} | {largest} | {drawn} | {gaps} |", flush=True)


if __name__ == "__main__":
    run(main)
