"""What a probe sees: the view of an image, and the features a frozen encoder gives it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from datasets.image_folders.folder import read_rgb
from models import Encoder
from utils.cli import UserError
from utils.cpus import usable_cpus
from utils.devices import autocast


@dataclass(frozen=True)
class View:
    """The part of an image that is evaluated: the middle `size`×`size`, once its shorter side is scaled to `resize`."""

    resize: int
    size: int
    interpolation: str = "bilinear"

    def __str__(self) -> str:
        return f"resize {self.resize}, crop {self.size}, {self.interpolation}"

    def __call__(self, image: Image.Image) -> Image.Image:
        mode = transforms.InterpolationMode(self.interpolation)
        return transforms.functional.center_crop(transforms.functional.resize(image, self.resize, mode), self.size)


SMALL_VIEW = View(70, 64)  # of SmallAlexNet and of the baselines (paper, small-scale protocol)

# What a probe sees: images uint8 [N, view.size, view.size, 3], or stored examples float32 [N, C, H, W], on any device
# -> float32 [N, D] on the same device.
Features = Callable[[Tensor], Tensor]


def decode(paths: Sequence[Path], view: View = SMALL_VIEW) -> np.ndarray:
    """Images as the probe sees them: uint8 [N, view.size, view.size, 3], RGB.

    Pillow decodes and resizes outside Python's lock, so threads share the work. Raises UserError naming the file if one
    is corrupt.
    """
    images = np.empty((len(paths), view.size, view.size, 3), np.uint8)

    def one(i: int) -> None:
        images[i] = np.asarray(view(read_rgb(paths[i])))

    with ThreadPoolExecutor(usable_cpus()) as pool:
        for start in range(0, len(paths), 1024):  # in parts, so that a corrupt file stops the rest
            list(pool.map(one, range(start, min(start + 1024, len(paths)))))
    return images


def encoder_features(model: Encoder, layer: str, dtype: torch.dtype = torch.float32) -> Features:
    """The output of `layer` (a name of model.LAYERS) in evaluation mode, without gradients, one row an image.

    Convolution layers are averaged over space, as in the authors' code; "NAME:flat" keeps every place, such as the
    features before the last pooling ("layer4:flat"). Stored examples go in as they are. `dtype` bfloat16 computes under
    autocast, float32 without TF32; features are float32 either way. The model follows the images to their device.
    Raises UserError for a layer that is not there.
    """
    name, _, flat = layer.partition(":")
    if name not in model.LAYERS or flat not in ("", "flat"):
        raise UserError(f"no layer {layer!r}; choose one of {', '.join(model.LAYERS)}")
    index = model.LAYERS.index(name)
    model = model.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        model.eval().to(images.device)  # also where something has put it back to training in between
        if images.dtype == torch.uint8:
            mean, std = (torch.tensor(values, device=images.device) for values in (model.MEAN, model.STD))
            x = ((images / 255 - mean) / std).permute(0, 3, 1, 2)  # NHWC in memory: channels_last without a copy
        else:
            x = images.contiguous(memory_format=torch.channels_last)
        with autocast(images.device, dtype):
            x = model(x, layer_index=index)
        if x.ndim == 4:
            x = x.flatten(1) if flat else x.float().mean((2, 3))
        return x.float()

    return features
