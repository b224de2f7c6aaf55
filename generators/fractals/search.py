"""The search for FractalDB's categories: systems of affine maps whose fractal fills a fifth of its frame.

    python -m generators.fractals.search                # writes generators/fractals/categories.csv again, byte for byte
    python -m generators.fractals.search --seed 1 --categories 100 --output my_categories.csv

Kataoka et al., "Pre-training without Natural Images", ACCV 2020, section 3, with the numbers of the authors' code.
Candidate j is a function of the seed and j: 2 to 7 maps (uniform), each of the six parameters of a map uniform in
(-1, 1), rounded to the 5 decimals of the file before anything is computed. 100,000 points of its chaos game
(`fractaldb`, with random numbers of the candidate's own) are drawn in a frame of 512x512 pixels, 6 of them
margin. It becomes the next category if they fall into at least a fifth of the pixels.
"""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np

from generators.fractals.fractaldb import CATEGORIES, Degenerate, choose_maps, last_points
from utils.cli import UserError, parser, positive_int, run
from utils.files import write_bytes
from utils.progress import Progress
from utils.seeding import generator, stable_key

SIZE, POINTS, LEAST_FILLED = 512, 100_000, 0.2
HEADER = "category,a,b,c,d,e,f\n"


def candidate(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps, float64 [2..7, 6], of candidate `number` and the uniform numbers of its chaos game, float32 [99,999]."""
    rng = generator(stable_key("FractalDB search", seed), number)
    maps = rng.uniform(-1, 1, (rng.integers(2, 8), 6)).round(5)
    return maps, rng.random(POINTS - 1, np.float32)


def check_system(maps: np.ndarray, uniforms: np.ndarray) -> None:
    """Raises Degenerate, with the reason, if the system is not fit to be a category."""
    last_points(maps, choose_maps(maps, uniforms), SIZE, LEAST_FILLED)


def search(count: int, seed: int) -> tuple[list[np.ndarray], Counter[str]]:
    """The maps of the first `count` candidates that pass, and how many were rejected for which reason."""
    found: list[np.ndarray] = []
    rejected: Counter[str] = Counter()
    with Progress(count, "fractals", "categories") as progress:
        for number in itertools.count():
            maps, uniforms = candidate(seed, number)
            try:
                check_system(maps, uniforms)
            except Degenerate as reason:
                rejected[str(reason)] += 1
                continue
            found.append(maps)
            progress.update(1)
            if len(found) == count:
                return found, rejected


def as_csv(categories: list[np.ndarray]) -> str:
    """The text of a file of categories: a line a map."""
    lines = [",".join([str(number), *(f"{value:.5f}" for value in row)])
             for number, maps in enumerate(categories) for row in maps]
    return HEADER + "\n".join(lines) + "\n"


def main() -> None:
    options = parser("python -m generators.fractals.search", __doc__)
    options.add_argument("--categories", type=positive_int, default=1000, help="how many to find")
    options.add_argument("--seed", type=int, default=0, help="another seed gives other candidates")
    options.add_argument("--output", type=Path, default=CATEGORIES, help="the file to write")
    args = options.parse_args()
    if not args.output.parent.is_dir() or args.output.is_dir():
        raise UserError(f"{args.output} cannot be written; pass the name of a file in a folder that is there")
    found, rejected = search(args.categories, args.seed)
    write_bytes(args.output, as_csv(found).encode())
    tried = len(found) + rejected.total()
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in rejected.most_common())
    print(f"{args.output}: {len(found):,} categories of {tried:,} candidates; rejected: {reasons}")


if __name__ == "__main__":
    run(main)
