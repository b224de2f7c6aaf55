"""Images decoded once, and the features a frozen encoder gives them.

Decoding (files to one uint8 array) is separate from encoding (array to features), so one decode serves every encoder
that a study compares.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision import transforms

from datasets.folder import read_rgb
from models import SmallAlexNet
from utils.cli import UserError
from utils.cpus import usable_cpus
from utils.devices import autocast

SIZE = SmallAlexNet.SIZE

# The view of an image that is evaluated (paper, small-scale protocol): the middle 64×64 of the image at 70.
EVAL_VIEW = transforms.Compose([transforms.Resize(70), transforms.CenterCrop(SIZE)])

# What a probe sees of an image: uint8 [N, 64, 64, 3] on any device -> float32 [N, D] on the same device.
Features = Callable[[Tensor], Tensor]


def decode(paths: Sequence[Path]) -> np.ndarray:
    """Images as the probe sees them: uint8 [N, 64, 64, 3], RGB, under EVAL_VIEW.

    Pillow decodes and resizes outside Python's lock, so threads share the work. Raises UserError naming the file if one
    is corrupt.
    """
    images = np.empty((len(paths), SIZE, SIZE, 3), np.uint8)

    def one(i: int) -> None:
        images[i] = np.asarray(EVAL_VIEW(read_rgb(paths[i])))

    with ThreadPoolExecutor(usable_cpus()) as pool:
        for start in range(0, len(paths), 1024):  # in parts, so that a corrupt file stops the rest
            list(pool.map(one, range(start, min(start + 1024, len(paths)))))
    return images


def encoder_features(model: SmallAlexNet, layer: str, dtype: torch.dtype = torch.float32) -> Features:
    """The output of `layer` (a name of SmallAlexNet.LAYERS) in evaluation mode, without gradients, one row an image.

    Convolution layers are averaged over space, as in the authors' code, so D is 4096·width at most. `dtype` bfloat16
    computes under autocast; features are float32 either way. The model follows the images to their device. Raises
    UserError for a layer that is not there.
    """
    if layer not in SmallAlexNet.LAYERS:
        raise UserError(f"no layer {layer!r}; choose one of {', '.join(SmallAlexNet.LAYERS)}")
    index = SmallAlexNet.LAYERS.index(layer)
    model = model.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        model.to(images.device)
        mean, std = (torch.tensor(values, device=images.device) for values in (model.MEAN, model.STD))
        x = ((images / 255 - mean) / std).permute(0, 3, 1, 2)  # NHWC in memory: channels_last without a copy
        with autocast(images.device, dtype):
            x = model(x, layer_index=index)
        return x.float().mean((2, 3)) if x.ndim == 4 else x.float()

    return features


def extract(features: Features, images: np.ndarray, device: torch.device) -> Tensor:
    """`features` of all images, computed batch by batch on `device`: float32 [N, D] on the same device.

    images: uint8 [N, 64, 64, 3]. Raises UserError if a feature is not finite.
    """
    batch_size = 64 if device.type == "cpu" else 1024  # 64 images fit the processor's cache: 1.5 times as fast as 256
    out = torch.empty(0)
    for start in range(0, len(images), batch_size):
        part = features(torch.from_numpy(images[start : start + batch_size]).to(device))
        if not part.isfinite().all():
            raise UserError("the encoder gives features that are not finite: it is damaged, or its training diverged")
        if start == 0:
            out = part.new_empty(len(images), part.shape[1])
        out[start : start + len(part)] = part
    return out
