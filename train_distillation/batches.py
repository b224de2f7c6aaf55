"""Clean and corrupted images of a step: one random crop of each, shared by both copies."""

from typing import NamedTuple

import torch
from torch import Tensor

from datasets.corruptions.distortions import curriculum
from datasets.views.batched import crop
from datasets.views.parameters import draw_parameters
from train_distillation.options import DistortedOptions
from train_distillation.teachers import Tower
from training.distributed import ALONE, Processes
from training.images.pairs import Pairs
from training.images.streams import PackedImages, RenderedImages
from training.laps import lap


class Batch(NamedTuple):
    """Of this process's share of `images` images."""

    x: Tensor  # float32 [B, 3, SIZE, SIZE], clean, normalised as the teacher expects it
    y: Tensor  # the same, corrupted before it was normalised
    images: int
    epoch: int
    indices: Tensor  # int64 [B], numbers of the images, on the CPU


class Batches:
    """Batches as a function of the seed and the step: crops of 8 to 100 % of an image, half of them flipped
    (`datasets.views.parameters`), scaled to the teacher's size."""

    def __init__(self, images: PackedImages | RenderedImages, options: DistortedOptions, tower: Tower,
                 device: torch.device, processes: Processes = ALONE):
        self.options, self.tower, self.distortion = options, tower, options.parsed()
        self.pairs = Pairs(images, options, tower, device, processes)
        self.close = self.pairs.close

    def __call__(self, step: int) -> Batch:
        pairs, seed = self.pairs, self.options.seed
        epoch, indices = pairs.order.batch(step)
        mine = pairs.processes.share(indices)
        pixels = pairs.pixels(step)
        lap("data")
        parameters = draw_parameters(seed, epoch, 0, mine, pairs.images.height, pairs.images.width)
        x = crop(pixels, parameters, self.tower.SIZE)
        y = self.distortion(x, mine, seed, epoch, curriculum(epoch) if self.options.curriculum else 1.0)
        x, y = self.tower.normalise(x), self.tower.normalise(y)
        lap("views")
        return Batch(x, y, len(indices), epoch, torch.from_numpy(mine))
