"""Speed of a training step on given views (forward, backward, SGD) against the plain float32 step of the paper's code.

    python -m benchmarks.train_step                        # full width, 128 images: about 4 minutes on 2 cores
    python -m benchmarks.train_step --width 0.25 --batch 250

Both sides step on the same two batches of views, in turn, in one run. Plain: float32, default memory format, one
forward for both views. Ours: what `python -m train_align_uniform` does here, that is channels_last, one forward per
view, and bfloat16 where the hardware has it. Runs on the CPU, or on the first GPU with --gpus 0.
"""

import statistics

import numpy as np
import torch

from benchmarks.ratio import HEADER, ratios, row
from models import SmallAlexNet
from train_align_uniform.images import PackedImages
from train_align_uniform.losses import align_uniform_loss
from train_align_uniform.trainer import Config, Trainer
from utils.cli import parser, positive_int, run
from utils.devices import choose_device, choose_precision, describe


def main() -> None:
    p = parser("python -m benchmarks.train_step", __doc__)
    p.add_argument("--width", type=float, default=1.0, help="channel multiplier of the encoder")
    p.add_argument("--batch", type=positive_int, default=128, help="images; each gives two views")
    p.add_argument("--repeats", type=positive_int, default=7, help="pairs of measurements")
    p.add_argument("--gpus", type=int, nargs="*", default=[], help="GPU to use")
    args = p.parse_args()
    device = choose_device(args.gpus)
    precision = choose_precision(device, "auto")
    config = Config(batch_size=args.batch, width=args.width, precision=str(precision).removeprefix("torch."))
    images = np.random.default_rng(0).integers(0, 256, (args.batch, 96, 96, 3), dtype=np.uint8)
    trainer = Trainer(config, PackedImages(images), device)
    x, y = trainer.views(0)

    def ours() -> None:
        trainer.update(x, y)  # ends by reading the loss, so the GPU has finished too

    model = SmallAlexNet(args.width).initialize(0).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), config.base_lr, momentum=config.momentum,
                                weight_decay=config.weight_decay)
    both = torch.cat([x, y]).contiguous()

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
