"""Speed of MoCo v2's augmentation at 224 against torchvision's PIL pipeline, one thread each, images in memory.

    python -m benchmarks.views_224
    python -m benchmarks.views_224 --repeats 20 --batch 128

The PIL side: RandomResizedCrop(224, 0.2 to 1), ColorJitter(0.4, 0.4, 0.4, 0.1) with probability 0.8, RandomGrayscale
0.2, PIL's GaussianBlur of 0.1 to 2 with probability 0.5 (as MoCo v2 has it), flip, ToTensor, Normalize. Both sides turn
the same dead-leaves images of 256×256 into views, in turn, in one run, by process time.
"""

import random
import statistics
import time

import numpy as np
import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T

from benchmarks.ratio import HEADER, row, seconds
from datasets.views.batched import make_views
from datasets.views.parameters import MOCO_V2, draw_parameters
from generators.named import make_process
from models import ResNet50
from utils.cli import parser, positive_int, run


def blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(random.uniform(*MOCO_V2.blur)))


def main() -> None:
    p = parser("python -m benchmarks.views_224", __doc__)
    p.add_argument("--batch", type=positive_int, default=64, help="images")
    p.add_argument("--repeats", type=positive_int, default=7, help="pairs of measurements")
    args = p.parse_args()
    torch.set_num_threads(1)
    images = make_process("dead_leaves-oriented", 256).render(range(args.batch))
    tensor, pil = torch.from_numpy(images), [Image.fromarray(image) for image in images]
    moments = ResNet50.MEAN, ResNet50.STD
    pipeline = T.Compose([T.RandomResizedCrop(ResNet50.SIZE, MOCO_V2.scale),
                          T.RandomApply([T.ColorJitter(*MOCO_V2.jitter)], MOCO_V2.jittered),
                          T.RandomGrayscale(MOCO_V2.grayscale), T.RandomApply([T.Lambda(blur)], MOCO_V2.blurred),
                          T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(*moments)])
    indices = np.arange(args.batch)

    def ours() -> None:
        make_views(tensor, draw_parameters(0, 0, 0, indices, 256, 256, MOCO_V2), ResNet50.SIZE, *moments)

    def plain() -> None:
        torch.stack([pipeline(image) for image in pil])

    plain(), ours()
    times = [(seconds(plain, time.process_time), seconds(ours, time.process_time)) for _ in range(args.repeats)]
    print(HEADER)
    print(row("views at 224: PIL pipeline / ours", [a / b for a, b in times], ">= 3",
              f"{args.batch / statistics.median(b for _, b in times):.0f} views/s of a core"))


if __name__ == "__main__":
    run(main)
