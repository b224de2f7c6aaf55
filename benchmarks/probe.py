"""Speed of the evaluation: protocol `cached` against `paper`, features against a plain loop, and a probe at full size.

    python -m benchmarks.probe
    python -m benchmarks.probe solver --images 50000 --dimensions 4096 --classes 100

`protocols`: both protocols from image files to predictions, 5,000 training and 1,000 measured images, quarter width;
of the 100 epochs of `paper`, --epochs are timed and the rest is taken to last as long. `features`: a DataLoader with
batches of 128, a worker for each core and the encoder in float32, against `extract`; full width, 128×128 JPEG files.
`solver`: the whole of protocol `cached` on features that are there, path and final fit, on simulated fc6 features
(rectified, correlated: 256 factors behind them), with the most memory that the process has held.
"""

import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.ratio import HEADER, ratios, row, seconds
from datasets.image_folders.folder import read_rgb
from generators.named import make_process
from linear_eval.features.extract import extract
from linear_eval.features.frozen import SMALL_VIEW
from linear_eval.features.rows import random_row
from linear_eval.probes.cached import fit_probe
from linear_eval.probes.paper import EPOCHS, train_linear
from linear_eval.task import Split
from models import SmallAlexNet, random_encoder
from utils.cli import parser, positive_int, run
from utils.cpus import usable_cpus
from utils.seeding import generator

CPU = torch.device("cpu")


def write_images(folder: Path, count: int) -> list[Path]:
    """`count` dead leaves as JPEG files: what the images show does not change how long they take."""
    paths = [folder / f"{i:05d}.jpg" for i in range(count)]
    process = make_process("dead_leaves-oriented")
    for start in range(0, count, 500):
        part = range(start, min(start + 500, count))
        for i, image in zip(part, process.render(part), strict=True):
            Image.fromarray(image).save(paths[i], quality=95)
    return paths


class Plain(Dataset):
    """The evaluation of a tutorial: one file after another through torchvision's transforms."""

    def __init__(self, paths: list[Path]):
        self.paths = paths
        self.transform = transforms.Compose([transforms.Resize(SMALL_VIEW.resize), transforms.CenterCrop(
            SMALL_VIEW.size), transforms.ToTensor(), transforms.Normalize(SmallAlexNet.MEAN, SmallAlexNet.STD)])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(read_rgb(self.paths[i]))


def features(folder: Path, count: int, repeats: int) -> str:
    paths = write_images(folder, count)
    model, fc6 = random_encoder(0), SmallAlexNet.LAYERS.index("fc6")
    ours = random_row(0, CPU)

    def plain() -> None:
        with torch.no_grad():
            torch.cat([model(batch, fc6) for batch in DataLoader(Plain(paths), 128, num_workers=usable_cpus())])

    values, times = ratios(plain, lambda: extract(ours, Split(paths, np.zeros(count)), CPU), repeats)
    return row("features: DataLoader loop / ours", values, ">= 2", f"{count / statistics.median(times):.0f} images/s")


def protocols(folder: Path, epochs: int, repeats: int) -> str:
    paths = write_images(folder, 6000)
    labels = generator(0, 0).integers(0, 10, len(paths))
    values, times = [], []
    for _ in range(repeats):
        encoder = random_row(0, CPU, width=0.25)
        train, val = Split(paths[:5000], labels[:5000]), Split(paths[5000:], labels[5000:])

        def cached(encoder=encoder, train=train, val=val) -> None:
            probe = fit_probe(extract(encoder, train, CPU), torch.from_numpy(train.labels), 10, seed=0)
            probe.predict(extract(encoder, val, CPU))

        def paper(encoder=encoder, train=train) -> None:
            train_linear(encoder.features, train.paths, train.labels, 10, 0, CPU, usable_cpus(), epochs)

        times.append(seconds(cached))
        values.append(seconds(paper) * EPOCHS / epochs / times[-1])
    return row("protocol paper / cached", values, ">= 20", f"cached: {statistics.median(times):.0f} s")


def solver(images: int, dimensions: int, classes: int) -> str:
    rng = generator(0, 1)
    labels = rng.integers(0, classes, images)
    mixing = rng.standard_normal((256, dimensions), np.float32) / 16
    centres = rng.standard_normal((classes, 256), np.float32)
    x = np.empty((images, dimensions), np.float32)
    for part in np.array_split(np.arange(images), 50):
        factors = centres[labels[part]] + 1.5 * rng.standard_normal((len(part), 256), np.float32)
        x[part] = (factors @ mixing + 0.3 * rng.standard_normal((len(part), dimensions), np.float32)).clip(min=0)
    start = time.perf_counter()
    probe = fit_probe(torch.from_numpy(x), torch.from_numpy(labels), classes, seed=0)
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (f"solver, {images} x {dimensions}, {classes} classes, {torch.get_num_threads()} threads: {took:.0f} s "
            f"(target: 600), {len(probe.path)} values of l2 tried, {peak:.2f} GB at most (target: 4)")


def main() -> None:
    p = parser("python -m benchmarks.probe", __doc__)
    p.add_argument("what", nargs="*", default=["protocols", "features", "solver"], help="protocols, features, solver")
    p.add_argument("--repeats", type=positive_int, default=3, help="pairs of measurements")
    p.add_argument("--epochs", type=positive_int, default=2, help="epochs of `paper` to time")
    p.add_argument("--images", type=positive_int, default=50_000, help="images the solver is timed on")
    p.add_argument("--dimensions", type=positive_int, default=4096, help="features of each of them")
    p.add_argument("--classes", type=positive_int, default=100, help="classes of these images")
    args = p.parse_args()
    if "solver" in args.what:  # first: nothing else has taken memory yet
        print(solver(args.images, args.dimensions, args.classes), flush=True)
    if "features" in args.what or "protocols" in args.what:
        print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        if "features" in args.what:
            print(features(Path(folder), 1000, args.repeats), flush=True)
        if "protocols" in args.what:
            print(protocols(Path(folder), args.epochs, args.repeats), flush=True)


if __name__ == "__main__":
    run(main)
