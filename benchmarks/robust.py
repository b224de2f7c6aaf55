"""Speed of a level sweep: a pass over corrupted images, against the straightforward pass.

    python -m benchmarks.robust                          # efficientnet-lite0 at 64 pixels: a minute
    python -m benchmarks.robust --teacher encoder.pth --images 2000

Straightforward: the files are decoded in every pass, noise and masks are drawn image by image with NumPy, and the
encoder runs as it was trained. Ours: decoded once, and `train_distillation.evaluation.measure.embed`. Times are of
the processor, so that other work on the machine counts less.
"""

import io
import statistics
import time

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.ratio import HEADER, row, seconds
from datasets.corruptions.distortions import parse
from train_distillation.evaluation.measure import PER_BATCH, Images, embed
from train_distillation.teachers import Tower, load_teacher
from utils.cli import parser, positive_int, run
from utils.devices import describe

CPU = torch.device("cpu")
SWEEP = 10 * 10 * 5000  # images of ten levels, ten repeats, 5,000 images


def plain_pass(tower: Tower, files: list[bytes], kind: str, level: float, rng: np.random.Generator) -> Tensor:
    """Embeddings of a pass as it is written down."""
    out, batch = [], PER_BATCH["cpu"]
    for start in range(0, len(files), batch):
        corrupted = []
        for file in files[start : start + batch]:
            x = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), np.float32) / 255
            if kind == "noise":
                x = x + level * rng.standard_normal(x.shape, np.float32)
            else:
                gone = rng.permutation(x.shape[0] * x.shape[1])[: int(level * x.shape[0] * x.shape[1])]
                x.reshape(-1, 3)[gone] = 0
            corrupted.append(torch.from_numpy(x).permute(2, 0, 1))
        with torch.inference_mode():
            out.append(tower(tower.normalise(torch.stack(corrupted)))[0])
    return torch.cat(out)


def main() -> None:
    options = parser("python -m benchmarks.robust", __doc__)
    options.add_argument("--teacher", default="efficientnet-lite0")
    options.add_argument("--size", type=positive_int, default=64)
    options.add_argument("--images", type=positive_int, default=256)
    options.add_argument("--repeats", type=positive_int, default=3, help="pairs of measurements")
    args = options.parse_args()
    tower, rng = load_teacher(args.teacher, size=args.size), np.random.default_rng(0)
    pixels = rng.integers(0, 256, (args.images, args.size, args.size, 3), np.uint8)
    files = []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG")
        files.append(file.getvalue())
    images = Images(pixels, torch.zeros(args.images, dtype=torch.int64))
    print(f"{describe(CPU)}, {args.teacher} at {args.size} pixels, {args.images} images\n\n{HEADER}")
    for kind, level in (("mask", 0.75), ("noise", 0.3)):
        pairs = []
        for number in range(args.repeats + 1):  # the first warms up
            pairs.append((seconds(lambda k=kind, v=level: plain_pass(tower, files, k, v, rng), time.process_time),
                          seconds(lambda k=kind, v=level, n=number: embed(tower, images, parse(f"{k}:{v}"), "test", n,
                                                                          CPU), time.process_time)))
        each = statistics.median(ours for _, ours in pairs[1:]) / args.images
        print(row(f"{kind}: straightforward / ours", [plain / ours for plain, ours in pairs[1:]], "> 1",
                  f"{1e3 * each:.2f} ms an image, {each * SWEEP / 60:.1f} minutes a sweep on one core"), flush=True)


if __name__ == "__main__":
    run(main)
