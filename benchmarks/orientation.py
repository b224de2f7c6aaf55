"""How much one direction prevails in the images of each dataset: the table of docs/processes.md.

    python -m benchmarks.orientation                  # the tied StyleGAN sets, 200 images of 256x256: about a minute
    python -m benchmarks.orientation stat-wmm stylegan-oriented --images 50 --resolution 128

`tests.generators.coherence` says what is measured. Images that share weights look alike, so StyleGAN sets draw new ones
for every image here (`draw` 1; not for stylegan-random).
"""

import numpy as np

from generators.named import find, make_process
from tests.generators.coherence import coherence
from utils.cli import parser, positive_int, run


def main() -> None:
    options = parser("python -m benchmarks.orientation", __doc__)
    options.add_argument("names", nargs="*", default=["stylegan-highfreq", "stylegan-sparse", "stylegan-oriented"])
    options.add_argument("--images", type=positive_int, default=200, help="images of each")
    options.add_argument("--resolution", type=positive_int, default=256, help="height and width in pixels")
    args = options.parse_args()
    print(f"{args.images} images of {args.resolution}x{args.resolution}, seed 0; mean and standard error\n")
    print("| dataset | coherence |\n|---|---|")
    for name in args.names:
        drawn_anew = {"draw": 1} if find(name).process == "stylegan.StyleGAN" else {}
        process = make_process(name, args.resolution, **drawn_anew)
        values = [coherence(process.render([i])[0].mean(axis=2)) for i in range(args.images)]
        print(f"| {name} | {np.mean(values):.3f} ± {np.std(values) / len(values) ** 0.5:.3f} |", flush=True)


if __name__ == "__main__":
    run(main)
