"""What it costs to render images while training on them, against reading them from a packed folder.

    python -m benchmarks.endless                            # full width, 128 images a step: about 4 minutes on 2 cores
    python -m benchmarks.endless --name stat-spectrum --width 0.25 --batch 125
    python -m benchmarks.endless --batch 768 --gpus 0 --workers 16

First whole training steps (data, views, forward, backward, optimiser) of two trainers, a few of each in turn, in one
run: one renders its images with worker processes, which are started anew each time and stopped before the other is
timed; one reads them from an array in memory. Then the images a second of the two sources alone, without an encoder.
"""

import statistics
import time
from functools import partial
from itertools import islice

from benchmarks.ratio import HEADER, row, seconds
from datasets.image_folders.encode import rendered
from generators.named import make_process
from train_align_uniform.learner import AlignUniform, Options
from training.images.order import Order
from training.images.streams import PackedImages, RenderedImages
from utils.cli import parser, positive_int, run
from utils.devices import choose_device, choose_precision, describe

STEPS = 2  # of each side at a time


def images_a_second(images: PackedImages | RenderedImages, batch: int, batches: int) -> float:
    """Of the stream alone, after as many batches as the workers may be ahead."""
    order = Order(images.count, batch, 0, images.together, images.endless)
    stream = images.stream(order.batch(step)[1] for step in range(3 * batches))
    for _ in islice(stream, batches):
        pass
    start = time.perf_counter()
    made = sum(len(pixels) for pixels in islice(stream, batches))
    taken = time.perf_counter() - start
    stream.close()
    return made / taken


def take(learner: AlignUniform, steps: range) -> None:
    for number in steps:
        learner.step(number)


def main() -> None:
    p = parser("python -m benchmarks.endless", __doc__)
    p.add_argument("--name", default="dead_leaves-mixed", help="dataset")
    p.add_argument("--resolution", type=positive_int, help="height and width of the images (default: as published)")
    p.add_argument("--width", type=float, default=1.0, help="channel multiplier of the encoder")
    p.add_argument("--batch", type=positive_int, default=128, help="images; each gives two views")
    p.add_argument("--repeats", type=positive_int, default=9, help="pairs of measurements")
    p.add_argument("--workers", type=positive_int, default=2, help="processes that render")
    p.add_argument("--gpus", type=int, nargs="*", default=[], help="GPU to use")
    args = p.parse_args()
    device = choose_device(args.gpus)
    precision = str(choose_precision(device, "auto")).removeprefix("torch.")
    config = Options(batch_size=args.batch, width=args.width, steps=10**6, precision=precision)
    process = make_process(args.name, args.resolution)
    folder = PackedImages(rendered(process, range(8 * args.batch)), device)
    endless = RenderedImages(process, 105_000, True, args.workers)
    reads, renders = (AlignUniform(config, images, device) for images in (folder, endless))
    values, times = [], []
    for step in range(0, args.repeats * (STEPS + 1), STEPS + 1):
        after = range(step + 1, step + 1 + STEPS)
        renders.step(step)  # starts the workers, who would go on while the other is timed
        rendered_steps = seconds(partial(take, renders, after))
        renders.close()
        times.append(seconds(partial(take, reads, after)) / STEPS)
        values.append(rendered_steps / STEPS / times[-1])
    print(f"{describe(device)}, width {args.width:g}, batches of {args.batch}, {args.name} at {process.resolution} px, "
          f"{endless.workers} workers\n\n{HEADER}")
    speed = f"packed: {args.batch / statistics.median(times):.1f} images/s"
    print(row("training step: rendered / packed", values, "< 1.1", speed))
    batches = max(4096 // args.batch, 1)
    print(f"\nwithout training: packed {images_a_second(folder, args.batch, batches):,.0f} images/s, "
          f"rendered {images_a_second(endless, args.batch, batches):,.0f} images/s")


if __name__ == "__main__":
    run(main)
