"""Speed of the two-view augmentation against torchvision's PIL pipeline, one thread each, images in memory.

    python -m benchmarks.views
    python -m benchmarks.views --repeats 20 --batch 512

The PIL side is the paper's: RandomResizedCrop(64), flip, ColorJitter(0.4, 0.4, 0.4, 0.4), RandomGrayscale(0.2),
ToTensor, Normalize. Both sides turn the same dead-leaves images of 128×128 into views, in turn, in one run.
"""

import statistics

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T

from benchmarks.ratio import HEADER, ratios, row
from datasets.views.batched import make_views
from datasets.views.parameters import PAPER, draw_parameters
from generators.named import make_process
from models import SmallAlexNet
from utils.cli import parser, positive_int, run


def main() -> None:
    p = parser("python -m benchmarks.views", __doc__)
    p.add_argument("--batch", type=positive_int, default=256, help="images")
    p.add_argument("--repeats", type=positive_int, default=11, help="pairs of measurements")
    args = p.parse_args()
    torch.set_num_threads(1)
    images = make_process("dead_leaves-oriented").render(range(args.batch))
    tensor, pil = torch.from_numpy(images), [Image.fromarray(image) for image in images]
    moments = SmallAlexNet.MEAN, SmallAlexNet.STD
    pipeline = T.Compose([T.RandomResizedCrop(SmallAlexNet.SIZE, PAPER.scale), T.RandomHorizontalFlip(),
                          T.ColorJitter(*PAPER.jitter), T.RandomGrayscale(PAPER.grayscale), T.ToTensor(),
                          T.Normalize(*moments)])
    indices = np.arange(args.batch)

    def ours() -> None:
        make_views(tensor, draw_parameters(0, 0, 0, indices, 128, 128), SmallAlexNet.SIZE, *moments)

    def plain() -> None:
        torch.stack([pipeline(image) for image in pil])

    values, times = ratios(plain, ours, args.repeats)
    print(HEADER)
    print(row("views: PIL pipeline / ours", values, ">= 4", f"{args.batch / statistics.median(times):.0f} views/s"))


if __name__ == "__main__":
    run(main)
