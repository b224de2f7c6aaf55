"""Speed of a training step on given views (forward, backward, SGD) against the plain float32 step of the paper's code.

    python -m benchmarks.train_step                        # full width, 128 images: about 4 minutes on 2 cores
    python -m benchmarks.train_step --width 0.25 --batch 250
    python -m benchmarks.train_step --gpus 0 --batch 768 --steady 200     # how long the paper's 200 epochs take here

Both sides step on the same two batches of views, in turn, in one run. Plain: float32, default memory format, one
forward for both views. Ours: what `python -m train_align_uniform` does here, that is channels_last, one forward per
view, and bfloat16 where the hardware has it. Runs on the CPU, or on the first GPU with --gpus 0.

--steady N measures whole steps instead (images, views, forward, backward, SGD; not the log) of a run on ten batches of
dead leaves, N of them after 50 to warm up, and scales to 200 epochs of 105,000 images; then it profiles 50 more.
"""

import dataclasses
import statistics
import time

import numpy as np
import torch

from benchmarks.ratio import HEADER, ratios, row
from generators.named import make_process
from losses.align_uniform import align_uniform_loss
from models import SmallAlexNet
from train_align_uniform.learner import AlignUniform, Options
from training.images.streams import PackedImages
from training.step_profile import profile, synchronize
from utils.cli import parser, positive_int, run
from utils.devices import choose_device, choose_precision, describe


def steady(config: Options, device: torch.device, steps: int, warm_up: int = 50, profiled: int = 50) -> str:
    """What `steps` whole training steps in a row reach, and where their time goes."""
    images = PackedImages(make_process("dead_leaves-mixed").render(range(10 * config.batch_size)), device)
    config = dataclasses.replace(config, steps=10**9)
    learner = AlignUniform(config, images, device)
    for number in range(warm_up):
        learner.step(number)
    synchronize(device)
    start = time.perf_counter()
    for number in range(warm_up, warm_up + steps):
        learner.step(number)
    synchronize(device)
    speed = steps / (time.perf_counter() - start)
    paper = Options(batch_size=config.batch_size).total_steps(105_000)
    return (f"{describe(device)}, width {config.width:g}, {config.precision}, compiled: {config.compile}\n"
            f"{speed:.2f} steps/s and {2 * config.batch_size * speed:,.0f} views/s over {steps} steps of "
            f"{config.batch_size} images; 200 epochs of 105,000 take {paper / speed / 60:.1f} minutes\n\n"
            f"{profile(learner, profiled)}")


def main() -> None:
    p = parser("python -m benchmarks.train_step", __doc__)
    p.add_argument("--width", type=float, default=1.0, help="channel multiplier of the encoder")
    p.add_argument("--batch", type=positive_int, default=128, help="images; each gives two views")
    p.add_argument("--repeats", type=positive_int, default=7, help="pairs of measurements")
    p.add_argument("--gpus", type=int, nargs="*", default=[], help="GPU to use")
    p.add_argument("--steady", type=positive_int, metavar="N", help="measure N whole steps in a row instead")
    p.add_argument("--compile", action="store_true", help="compile the encoder")
    args = p.parse_args()
    device = choose_device(args.gpus)
    precision = choose_precision(device, "auto")
    config = Options(batch_size=args.batch, width=args.width, precision=str(precision).removeprefix("torch."),
                    compile=args.compile)
    if args.steady:
        print(steady(config, device, args.steady))
        return
    images = np.random.default_rng(0).integers(0, 256, (args.batch, 96, 96, 3), dtype=np.uint8)
    learner = AlignUniform(config, PackedImages(images), device)
    views = learner.pairs.views(0)
    learner.pairs.views = lambda number: views

    def ours() -> None:
        learner.step(0)
        synchronize(device)

    model = SmallAlexNet(args.width).initialize(0).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), config.base_lr, momentum=config.momentum,
                                weight_decay=config.weight_decay)
    both = torch.cat([views.x, views.y]).contiguous()

    def plain() -> None:
        zx, zy = model(both).chunk(2)
        optimizer.zero_grad(set_to_none=True)
        align_uniform_loss(zx, zy)[0].backward()
        optimizer.step()
        next(model.parameters()).sum().item()  # wait for the GPU

    values, times = ratios(plain, ours, args.repeats)
    print(f"{describe(device)}, width {args.width:g}, 2 x {args.batch} views, ours in {config.precision}\n\n{HEADER}")
    print(row("training step: plain / ours", values, ">= 2.5", f"{args.batch / statistics.median(times):.1f} images/s"))


if __name__ == "__main__":
    run(main)
