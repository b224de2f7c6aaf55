"""How much one direction prevails in the images of each dataset: the table of docs/processes.md.

    python -m benchmarks.orientation                  # the tied StyleGAN sets, 200 images of 256x256: about a minute
    python -m benchmarks.orientation stat-wmm stylegan-oriented --images 50 --resolution 128

Coherence is (l1 - l2) / (l1 + l2) of the eigenvalues of the structure tensor, summed over the image: 0 if the gradients
of the grey image have no direction in common, 1 if all are parallel. Images that share weights look alike, so StyleGAN
sets draw new ones for every image here (`draw` 1; not for stylegan-random).
"""

import numpy as np

from generators.named import find, load
from utils.cli import parser, positive_int, run

MARGIN = 8  # pixels left out on each side: zero padding draws lines along the edges of a StyleGAN's images


def coherence(image: np.ndarray) -> float:
    """Of a grey image [H, W], without its margin."""
    across, down = np.gradient(image, axis=(1, 0))
    inside = slice(MARGIN, -MARGIN)
    across, down = across[inside, inside], down[inside, inside]
    xx, yy, xy = (across**2).sum(), (down**2).sum(), (across * down).sum()
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy))


def main() -> None:
    options = parser("python -m benchmarks.orientation", __doc__)
    options.add_argument("names", nargs="*", default=["stylegan-highfreq", "stylegan-sparse", "stylegan-oriented"])
    options.add_argument("--images", type=positive_int, default=200, help="images of each")
    options.add_argument("--resolution", type=positive_int, default=256, help="height and width in pixels")
    args = options.parse_args()
    print(f"{args.images} images of {args.resolution}x{args.resolution}, seed 0; mean and standard error\n")
    print("| dataset | coherence |\n|---|---|")
    for name in args.names:
        process = load(name, args.resolution, **({"draw": 1} if find(name).process == "stylegan.StyleGAN" else {}))
        values = [coherence(process.render([i])[0].mean(axis=2)) for i in range(args.images)]
        print(f"| {name} | {np.mean(values):.3f} ± {np.std(values) / len(values) ** 0.5:.3f} |", flush=True)


if __name__ == "__main__":
    run(main)
