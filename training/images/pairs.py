"""Two random views of each image of a batch, as a function of the seed and the step."""

from collections.abc import Generator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from datasets.views.batched import make_views
from datasets.views.parameters import PAPER, Recipe, draw_parameters
from training.distributed import ALONE, Processes
from training.images.order import Order
from training.images.sources import Images
from training.laps import lap
from training.options import TrainingOptions
from utils.cli import UserError
from utils.workers import in_thread

SAME = 2.0  # of 255: images that differ by less on average are one image


class Input(Protocol):
    """What an architecture takes: squares of SIZE pixels, normalised with MEAN and STD."""

    SIZE: int
    MEAN: tuple[float, ...]
    STD: tuple[float, ...]


class Pair(NamedTuple):
    """Views x and y, float32 [B, 3, SIZE, SIZE] each (half of SIZE at first, if asked for), of this process's
    share of `images` images."""

    x: Tensor
    y: Tensor
    images: int
    epoch: int


class Pairs:
    """The pairs of views of a run on `images`. Raises UserError for images from which nothing can be learnt, and if
    `options` cannot train on so many.

    half_size: share of the steps, at first, whose views have half the side. recipe: the augmentation.
    """

    def __init__(self, images: Images, options: TrainingOptions, input: Input, device: torch.device,
                 processes: Processes = ALONE, half_size: float = 0.0, recipe: Recipe = PAPER):
        options.steps_per_epoch(images.count, processes.count)
        require_different(images.examples())
        self.images, self.input, self.device, self.processes = images, input, device, processes
        self.recipe = recipe
        self.seed, self.total_steps = options.seed, options.total_steps(images.count)
        self.half_size_steps = round(half_size * self.total_steps)
        self.order = Order(images.count, options.batch_size, options.seed, images.together, images.endless,
                           options.drop_last)
        self._stream: Generator[Tensor, None, None] | None = None  # of batches from `_next` on
        self._next = -1

    def close(self) -> None:
        """Stop making images ahead of time."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def pixels(self, step: int) -> Tensor:
        """This process's share of a step's batch, uint8 [B, H, W, 3]. Those of the next steps are made ahead."""
        if self._stream is None or step != self._next:
            self.close()
            shares = (self.processes.share(self.order.batch(later)[1]) for later in range(step, self.total_steps))
            stream = self.images.stream(shares)
            if self.device.type == "cuda":  # each thread has a GPU of its own that it is at
                stream = in_thread(stream, lambda: torch.cuda.set_device(self.device))
            self._stream = stream
        self._next = step + 1
        return next(self._stream).to(self.device)

    def views(self, step: int) -> Pair:
        """Both views of a step's batch."""
        epoch, indices = self.order.batch(step)
        mine = self.processes.share(indices)
        pixels = self.pixels(step)
        lap("data")
        side = self.input.SIZE // (2 if step < self.half_size_steps else 1)
        x, y = (self.view(pixels, epoch, view, mine, side) for view in (0, 1))
        lap("views")
        return Pair(x, y, len(indices), epoch)

    def view(self, pixels: Tensor, epoch: int, view: int, indices: np.ndarray, side: int) -> Tensor:
        """View `view`, 0 or 1, in `epoch` of images number `indices`, whose pixels are uint8 [B, H, W, 3]."""
        drawn = draw_parameters(self.seed, epoch, view, indices, self.images.height, self.images.width, self.recipe)
        return make_views(pixels, drawn, side, self.input.MEAN, self.input.STD)


def require_different(images: np.ndarray) -> None:
    """Raises UserError for images, uint8 [N, H, W, 3], from which nothing can be learnt."""
    why = ("from which nothing can be learnt (at worst all embeddings become one point, with alignment 0 and "
           "uniformity 0); see that --data is what you mean")
    if (images == images[:, :1, :1]).all():
        raise UserError(f"each of {len(images)} images looked at is of one colour, {why}")
    differences = (np.abs(image.astype(np.int16) - images[0]).mean() for image in images)
    if max(differences) < SAME:  # of 255, as between JPEG files of one picture
        raise UserError(f"{len(images)} images looked at are one image many times, {why}")
