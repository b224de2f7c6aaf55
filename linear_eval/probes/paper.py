"""Protocol `paper`: a linear layer trained by Adam on random crops, as in the authors' small-scale experiments.

Baradad et al. 2021 (appendix and released code): features of the frozen encoder, batches of 128, Adam with learning
rate 1e-3 and betas (0.5, 0.999), 100 epochs, learning rate ×0.2 after epochs 60 and 80, RandomResizedCrop(64, scale
0.08–1) and horizontal flip; accuracy on the middle 64×64 at 70, after the last epoch. Nothing is chosen by looking at
the validation set. Images are decoded again in every epoch: hours on a CPU for 100,000 images. A fit that was stopped
goes on after the last epoch it saved.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from datasets.image_folders.folder import read_rgb
from linear_eval.features.frozen import SMALL_VIEW, Features
from models.checkpoint import load_torch, save_torch
from utils.cli import UserError
from utils.progress import Progress
from utils.seeding import permutation, stable_key

EPOCHS = 100
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
BETAS = (0.5, 0.999)
DECAY_AT = (0.6, 0.8)  # of the epochs: 60 and 80 of 100
DECAY = 0.2
SAVE_EVERY = 60  # seconds, or an epoch if that takes longer
SETTINGS = {"optimizer": "Adam", "lr": LEARNING_RATE, "betas": list(BETAS), "epochs": EPOCHS, "batch_size": BATCH_SIZE,
            "decay": DECAY, "decay_at": list(DECAY_AT)}


def random_crops(size: int) -> transforms.Compose:
    """The training view of a PIL image, at `size` × `size` pixels."""
    return transforms.Compose([transforms.RandomResizedCrop(size, scale=(0.08, 1)), transforms.RandomHorizontalFlip()])


@dataclass(frozen=True)
class Recipe:
    """How a linear layer is trained on random views."""

    size: int  # height and width of views, in pixels
    batch_size: int
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    decay: float  # of the rate, at DECAY_AT
    settings: dict[str, Any]  # what a result says of these
    deviation: float | None = None  # of initial weights, with biases 0; None: nn.Linear's default


PAPER = Recipe(SMALL_VIEW.size, BATCH_SIZE, lambda p: torch.optim.Adam(p, lr=LEARNING_RATE, betas=BETAS), DECAY,
               SETTINGS)


class RandomViews(Dataset):
    """Item `epoch * N + i` is a view of image i in that epoch: (uint8 [H, W, 3], label).

    A pure function of (seed, item), so the number of workers changes nothing.
    """

    def __init__(self, paths: Sequence[Path], labels: np.ndarray, seed: int, size: int = PAPER.size):
        self.paths, self.labels, self.seed, self.view = paths, labels, seed, random_crops(size)

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        i = item % len(self.paths)
        image = read_rgb(self.paths[i])
        with torch.random.fork_rng(devices=[]):  # torchvision draws from torch's global generator
            torch.random.default_generator.manual_seed(stable_key("crop", self.seed, item))
            view = self.view(image)
        return torch.from_numpy(np.array(view)), int(self.labels[i])


def fit_linear(batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]], dimensions: int, classes: int, seed: int,
               device: torch.device, epochs: int = EPOCHS, recipe: Recipe = PAPER,
               state: Path | None = None) -> nn.Linear:
    """The linear layer after the last epoch, on `device`.

    batches: for an epoch, features float32 [B, dimensions] and labels int64 [B] of its batches. Initial weights are a
    function of `seed`. state: a file of this very fit, from which it goes on if it is there. Raises UserError if the
    loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(stable_key("linear layer", seed))
        linear = nn.Linear(dimensions, classes)
        if recipe.deviation is not None:
            nn.init.normal_(linear.weight, std=recipe.deviation)
            nn.init.zeros_(linear.bias)
    optimizer = recipe.optimizer(linear.to(device).parameters())
    milestones = [round(share * epochs) for share in DECAY_AT]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=recipe.decay)
    if state and state.exists():
        stopped: Any = load_torch(state)
        linear.load_state_dict(stopped["linear"])
        optimizer.load_state_dict(stopped["optimizer"])
        schedule.last_epoch = stopped["epochs"]
    saved = time.monotonic()
    with Progress(epochs, "linear probe", "epochs", done=schedule.last_epoch) as progress:
        for epoch in range(schedule.last_epoch, epochs):
            for x, labels in batches(epoch):
                loss = F.cross_entropy(linear(x), labels.to(device))
                if not loss.isfinite():
                    raise UserError("the probe's loss is not finite; check the encoder: its features may be damaged")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
            progress.update(1)
            if state and time.monotonic() - saved >= SAVE_EVERY:
                state.parent.mkdir(parents=True, exist_ok=True)
                save_torch({"epochs": epoch + 1, "linear": linear.state_dict(), "optimizer": optimizer.state_dict()},
                           state)
                saved = time.monotonic()
    return linear


def train_linear(features: Features, paths: Sequence[Path], labels: np.ndarray, classes: int, seed: int,
                 device: torch.device, workers: int = 0, epochs: int = EPOCHS, recipe: Recipe = PAPER,
                 state: Path | None = None) -> nn.Linear:
    """`fit_linear` on random crops: the whole protocol that `recipe` describes.

    features: what the frozen encoder makes of a batch; paths, labels (int64 [N]): the training images. Order and crops
    are functions of `seed`.
    """
    dataset = RandomViews(paths, labels, seed, recipe.size)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = permutation(stable_key("probe order", seed), epoch, len(paths)) + epoch * len(paths)
        for images, targets in DataLoader(dataset, recipe.batch_size, sampler=order.tolist(), num_workers=workers):
            yield features(images.to(device)), targets

    dimensions = features(dataset[0][0][None].to(device)).shape[1]
    return fit_linear(batches, dimensions, classes, seed, device, epochs, recipe, state)
