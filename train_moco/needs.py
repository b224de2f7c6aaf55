"""What a large-scale run needs: hours and disk for the shards of each set, and hours of GPUs to train on them.

    python -m train_moco.needs stat-spectrum                              # 1.3 million images, 200 epochs, timed here
    python -m train_moco.needs stat-spectrum dead_leaves-mixed --epochs 800 --epoch_length 1300000 --processes 16
    python -m train_moco.needs stat-spectrum --images_per_s 900 --processes 16      # as --profile said of one process

Renders, encodes and decodes some images, takes some training steps (unless --images_per_s is given), and multiplies:
the lines under the table state the arithmetic.
"""

import io
import time

from datasets.image_folders.encode import encode
from datasets.image_folders.folder import read_rgb
from generators.cost import human_time, image_need
from generators.feature_vis.images import NO_ENCODER
from generators.named import find, make_process, needs, published_size
from train_moco.__main__ import TRAINER
from training.command import add_gpus, chosen_options
from training.needs import time_steps
from utils.cli import UserError, non_negative, parser, positive_int, run
from utils.cpus import default_workers
from utils.devices import choose_device, describe
from utils.files import human_bytes
from utils.options import add_options

# Bytes of a run's checkpoint: query encoder, its momentum and key encoder, of ResNet-50 and a projection to 128.
WEIGHTS = 4 * (23_508_032 + 2048 * 2048 + 2048 + 2048 * 128 + 128)
TABLE = ("| dataset | images | pixels | seconds of a core, an image | time for the images | shards |\n"
         "|---|---:|---:|---:|---:|---:|")


def decoded_a_second(process: object) -> float:
    """Images of `process` that one core decodes in a second."""
    files = encode(process, range(16), "tar")
    start = time.process_time()
    for file in files:
        read_rgb(io.BytesIO(file))
    return len(files) / (time.process_time() - start)


def main() -> None:
    p = parser("python -m train_moco.needs", __doc__)
    p.add_argument("names", nargs="+", help="datasets; several are mixed")
    p.add_argument("--samples", type=positive_int, help="images of each (default: 1,300,000)")
    p.add_argument("--resolution", type=positive_int, help="height and width of images in pixels (default: 256)")
    p.add_argument("--epoch_length", type=positive_int, help="images of an epoch (default: all)")
    p.add_argument("--encoder", default="", help="checkpoint, for datasets that need one")
    p.add_argument("--workers", type=positive_int, default=default_workers(), help="processes that make the images")
    p.add_argument("--processes", type=positive_int, default=1, help="processes that train, one a GPU")
    p.add_argument("--images_per_s", type=non_negative, help="that one of them trains on (default: timed here)")
    add_options(p, TRAINER.options, precision="auto")
    add_gpus(p)
    args = p.parse_args()
    lacking = [name for name in args.names if find(name) and needs(name, "encoder") and not args.encoder]
    if lacking:
        raise UserError(f"{', '.join(lacking)}: {NO_ENCODER}")
    device = choose_device(args.gpus)
    options = chosen_options(TRAINER, args, device)
    options.groups_here(args.processes)
    rows, disk, count, decoding = [], 0.0, 0, 0.0
    for name in args.names:
        samples, resolution = published_size(name, "large")
        samples, resolution = args.samples or samples, args.resolution or resolution
        process = make_process(name, resolution, encoder=args.encoder)
        need = image_need(process, samples, args.workers)
        decoding = max(decoding, 1 / decoded_a_second(process))
        rows.append(f"| {name} | {samples:,} | {resolution} | {need.image.seconds:.2g} | {human_time(need.making)} | "
                    f"{human_bytes(need.jpeg)} |")
        disk, count = disk + need.jpeg, count + samples
    timed = "as --images_per_s says"
    speed = args.images_per_s
    if not speed:
        steps = time_steps(TRAINER, options, resolution, device, args.gpus or [0] * (device.type == "cuda"))
        speed, timed = steps.speed, f"as timed on {describe(device)} in steps of {steps.batch} in {options.precision}"
    length = args.epoch_length or count
    options.steps_per_epoch(length)
    shown = options.total_steps(length) * options.batch_size
    checkpoint = 3 * WEIGHTS + 4 * options.queue * options.dim
    packed = count * resolution**2 * 3
    print(TABLE, *rows, "", sep="\n")
    print(f"Time for the images: images × seconds / {args.workers} workers, without the disk.")
    print(f"Shards: images × the mean of some JPEGs, in blocks of 4 KB; {human_bytes(disk)} in all. A packed array: "
          f"{human_bytes(packed)}.")
    print(f"Training: {shown:,} images / ({speed:.3g} images/s × {args.processes} processes) = "
          f"{human_time(shown / speed / args.processes)}, if none waits for another; one is {timed}.")
    print(f"Decoding: {decoding * 1e3:.2g} ms an image, so {speed * decoding:.2g} cores for each process.")
    print(f"A checkpoint: {human_bytes(checkpoint)} (two encoders, momentum, queue), twice that while it is written. "
          f"Disk in all: {human_bytes(disk + 2 * checkpoint)}.")


if __name__ == "__main__":
    run(main)
