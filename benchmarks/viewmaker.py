"""Speed of a whole step of `train_viewmaker` (both networks, from images to new weights) against the published scheme.

    python -m benchmarks.viewmaker                             # 128 images of 32 pixels: about 10 minutes on 2 cores
    python -m benchmarks.viewmaker --encoder small_alexnet --repeats 3
    python -m benchmarks.viewmaker --gpus 0 --batch 512

All sides see the same images, in turn, in one run. Published: two passes a step in float32 and torch's default memory
format, each view perturbed and both encoded in one forward; in the first pass the viewmaker gets no gradient, and in
the second, on a fresh pair of views, the encoder's weights get none. Ours: what `python -m train_viewmaker` does here,
that is one pass, channels_last, and bfloat16 where the hardware has it (see --precision); and the same with --scheme
two-pass, which shows how much of it the scheme alone gives. BatchNorm sees both views together on all sides.
"""

import statistics
import time

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.ratio import HEADER, ratios, row
from losses.one_directional import one_directional_loss
from tests.models.plain_viewmaker import plain_copy
from train_viewmaker.learner import CommandLearner, make_encoder
from train_viewmaker.options import ENCODERS, Options
from training.images.streams import PackedImages
from training.step_profile import synchronize
from utils.cli import parser, positive_int, run
from utils.devices import add_precision, choose_device, choose_precision, describe


class Published:
    """Two passes, written out."""

    def __init__(self, options: Options, images: np.ndarray, device: torch.device):
        self.x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().div(255).contiguous()
        self.encoder = make_encoder(options, 3).to(device)
        self.viewmaker = plain_copy(options.viewmaker(3), 3).to(device)
        self.mean, self.std = (torch.tensor(values, device=device).view(3, 1, 1) for values in
                               (self.encoder.MEAN, self.encoder.STD))
        self.sgd = torch.optim.SGD(self.encoder.parameters(), 0.03, momentum=0.9, weight_decay=1e-4)
        self.adam = torch.optim.Adam(self.viewmaker.parameters(), 1e-3)

    def view(self) -> Tensor:
        return ((self.x + self.viewmaker(self.x)).clamp(0, 1) - self.mean) / self.std

    def learn(self, optimizer: torch.optim.Optimizer, sign: int) -> None:
        x, y = self.encoder(torch.cat([self.view(), self.view()])).chunk(2)
        optimizer.zero_grad(set_to_none=True)
        (sign * one_directional_loss(F.normalize(x), F.normalize(y))).backward()
        optimizer.step()

    def step(self) -> None:
        for network, other, optimizer, sign in ((self.encoder, self.viewmaker, self.sgd, 1),
                                                (self.viewmaker, self.encoder, self.adam, -1)):
            network.requires_grad_(True), other.requires_grad_(False)
            self.learn(optimizer, sign)


def main() -> None:
    p = parser("python -m benchmarks.viewmaker", __doc__)
    p.add_argument("--encoder", choices=ENCODERS, default="resnet18", help="resnet18 is the paper's")
    p.add_argument("--size", type=positive_int, default=32, help="side of the images, in pixels")
    p.add_argument("--batch", type=positive_int, default=128, help="images; each gives two views")
    p.add_argument("--repeats", type=positive_int, default=5, help="pairs of measurements")
    p.add_argument("--gpus", type=int, nargs="*", default=[], help="GPU to use")
    p.add_argument("--processor_time", action="store_true", help="time spent computing, not on the clock: for a "
                   "machine that does other work, too")
    add_precision(p)
    args = p.parse_args()
    clock = time.process_time if args.processor_time else time.perf_counter
    device = choose_device(args.gpus)
    precision = str(choose_precision(device, args.precision)).removeprefix("torch.")
    images = np.random.default_rng(0).integers(0, 256, (args.batch, args.size, args.size, 3), dtype=np.uint8)
    published = Published(Options(encoder=args.encoder), images, device)

    def plain() -> None:
        published.step()
        synchronize(device)

    print(f"{describe(device)}, {args.encoder}, {args.batch} images of {args.size} pixels, ours in {precision}\n\n"
          f"{HEADER}")
    for scheme, target in (("one-pass", "<= 0.6"), ("two-pass", "")):
        options = Options(encoder=args.encoder, size=args.size, batch_size=args.batch, scheme=scheme,
                          batch_norm="joint", precision=precision, steps=10**6)
        learner = CommandLearner(options, PackedImages(images, device), device)

        def ours(learner: CommandLearner = learner) -> None:
            learner.step(0)
            synchronize(device)

        values, times = ratios(plain, ours, args.repeats, clock)
        print(row(f"step: ours, {scheme} / published", [1 / value for value in values], target,
                  f"{1e3 * statistics.median(times):.0f} ms a step"), flush=True)


if __name__ == "__main__":
    run(main)
