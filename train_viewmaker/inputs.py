"""What is trained on, whatever it is: float tensors, and the views that experts made up for them."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from datasets.views.batched import make_views
from datasets.views.parameters import draw_parameters
from models.viewmaker import check_side
from training.images.order import Order
from training.images.pairs import Input, Pairs
from training.images.sources import Images
from training.options import TrainingOptions
from utils.seeding import stable_key


class Batch(NamedTuple):
    """The inputs of a step as they are stored, and their numbers, int64 [B]."""

    epoch: int
    indices: np.ndarray
    stored: Tensor


class Inputs(Protocol):
    """Float tensors [C, H, W], numbered from 0, in the order of a run; all is a function of the seed and the step."""

    shape: tuple[int, int, int]  # of an input: C, H, W
    count: int  # of an epoch
    endless: bool  # whether none comes twice
    limits: tuple[float, float] | None  # that views are clamped to; None: they are left as they are
    mean: Tensor  # float32 [C, 1, 1], on the device; the encoder sees (view - mean) / std
    std: Tensor

    def batch(self, step: int) -> Batch: ...

    def plain(self, batch: Batch) -> Tensor:
        """The inputs themselves: float32 [B, C, H, W] on the device."""

    def expert(self, batch: Batch, draw: int) -> Tensor:
        """An expert view of each, of the same shape and in the same units: number `draw` of as many as are wanted."""

    def close(self) -> None: ...


def on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).view(-1, 1, 1)


class ImageInputs:
    """Images in [0, 1], their middle square brought to `size` pixels. Expert views: `datasets.views.batched`."""

    limits = (0.0, 1.0)

    def __init__(self, images: Images, options: TrainingOptions, input: Input, size: int, device: torch.device):
        check_side(size)
        self.images, self.seed, self.size = Pairs(images, options, input, device), options.seed, size
        self.shape, self.count, self.endless = (3, size, size), images.count, images.endless
        self.mean, self.std = on_device(input.MEAN, device), on_device(input.STD, device)

    def batch(self, step: int) -> Batch:
        return Batch(*self.images.order.batch(step), self.images.pixels(step))

    def plain(self, batch: Batch) -> Tensor:
        height, width = batch.stored.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        x = batch.stored[:, top : top + side, left : left + side].permute(0, 3, 1, 2).float() / 255
        if side == self.size:
            return x
        return F.interpolate(x, self.size, mode="bilinear", antialias=True).clamp(0, 1)

    def expert(self, batch: Batch, draw: int) -> Tensor:
        parameters = draw_parameters(self.seed, batch.epoch, draw, batch.indices, *batch.stored.shape[1:3])
        return make_views(batch.stored, parameters, self.size, (0.0,) * 3, (1.0,) * 3)

    def close(self) -> None:
        self.images.close()


class ArrayInputs:
    """An array in memory, float32 [N, C, H, W]: spectrograms, windows of sensors. Raises UserError for sides that no
    viewmaker takes, and if `options` cannot train on so many.

    views: (inputs [B, C, H, W], a key of 64 bits, their numbers int64 [B]) -> an expert view of each, a function of the
    key and the number. mean, std: of each channel, for the encoder.
    """

    endless, limits = False, None

    def __init__(self, array: Tensor, options: TrainingOptions, views: Callable[[Tensor, int, np.ndarray], Tensor],
                 mean: tuple[float, ...], std: tuple[float, ...], device: torch.device):
        options.steps_per_epoch(len(array))
        for side in array.shape[2:]:
            check_side(side)
        self.array, self.views, self.device, self.seed = array, views, device, options.seed
        self.shape, self.count = tuple(array.shape[1:]), len(array)
        self.mean, self.std = on_device(mean, device), on_device(std, device)
        self.order = Order(len(array), options.batch_size, options.seed, drop_last=options.drop_last)

    def batch(self, step: int) -> Batch:
        epoch, indices = self.order.batch(step)
        return Batch(epoch, indices, self.array[torch.from_numpy(indices)].to(self.device))

    def plain(self, batch: Batch) -> Tensor:
        return batch.stored

    def expert(self, batch: Batch, draw: int) -> Tensor:
        return self.views(batch.stored, stable_key("views", self.seed, batch.epoch, draw), batch.indices)

    def close(self) -> None:
        pass
