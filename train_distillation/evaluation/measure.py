"""Embeddings of corrupted images, the heads that classify them, and how often they are right."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from datasets.corruptions.distortions import Distortion
from datasets.image_folders.folder import labelled_images
from linear_eval.features.frozen import View, decode
from linear_eval.probes.cached import LogisticRegression, Standardise, fit_probe
from linear_eval.task import balanced_order
from train_distillation.teachers import Tower
from utils.cli import UserError
from utils.devices import autocast

Head = Callable[[Tensor], Tensor]  # embeddings float32 [N, D] -> scores float32 [N, classes]
# Repairs corrupted images float [B, 3, H, W] before they are classified. The mask, bool [B, 1, H, W], says which pixels
# were set to 0.
Restore = Callable[[Tensor, Tensor], Tensor]

PER_BATCH = {"cpu": 32, "cuda": 512}  # images: on a CPU, 32 of 64 pixels fit its cache
ONE_EACH_L2 = 1.0  # weight of the penalty where there is one image a class, and none to choose it on


class Images(NamedTuple):
    """Decoded once for all that is measured on them."""

    pixels: np.ndarray  # uint8 [N, size, size, 3]
    labels: Tensor  # int64 [N]


def read_images(paths: Sequence[Path], labels: np.ndarray, tower: Tower, limit: int | None, seed: int) -> Images:
    """All images, or the first `limit` of the order that holds every class equally often."""
    rows = np.sort(balanced_order(labels, seed)[:limit])
    view = View(tower.RESIZE, tower.SIZE, tower.encoder.INTERPOLATION)
    return Images(decode([paths[i] for i in rows], view), torch.from_numpy(labels[rows]))


def labelled_folder(folder: Path, classes: Sequence[str]) -> tuple[list[Path], np.ndarray]:
    """The images in `folder`/<class>/, and their places in `classes`. Raises UserError for a class that is none of
    them."""
    paths, labels, found = labelled_images(folder.parent, folder.name)
    if unknown := sorted({*found} - {*classes}):
        raise UserError(f"{folder} holds classes that the probe does not know: {', '.join(unknown[:3])} (one of "
                        f"{len(unknown)}); fit the probe on a folder with these classes")
    return paths, np.array([classes.index(name) for name in found])[labels]


def embed(tower: Tower, images: Images, distortion: Distortion, seed: Any, draw: int, device: torch.device,
          dtype: torch.dtype = torch.float32, restore: Restore | None = None) -> Tensor:
    """Embeddings of corrupted images: float32 [N, D], on the CPU. One pass.

    The corruption of image i is a function of (seed, draw, i).
    """
    tower.eval().to(device, memory_format=torch.channels_last)
    out = []
    size = PER_BATCH[device.type]
    with torch.inference_mode():
        for start in range(0, len(images.pixels), size):
            indices = np.arange(start, min(start + size, len(images.pixels)))
            x = torch.from_numpy(images.pixels[indices]).to(device).permute(0, 3, 1, 2).float() / 255
            y = distortion(x, indices, seed, draw)
            if restore is not None:
                masks = distortion.kind in ("mask", "square")
                kept = distortion(torch.ones_like(x), indices, seed, draw) if masks else torch.ones_like(x)
                y = restore(y, (kept == 0).all(1, keepdim=True))
            with autocast(device, dtype):
                h, _ = tower(tower.normalise(y))
            out.append(h.float().cpu())
    h = torch.cat(out).clone()  # no inference tensor: probes are fitted on it
    if not h.isfinite().all():
        raise UserError("the encoder gives features that are not finite: it is damaged, or its training diverged")
    return h


def fit_head(embeddings: Tensor, labels: Tensor, classes: int, seed: int) -> Head:
    """The probe of protocol `cached` (`linear_eval.probes.cached`) on unit rows: students are trained to give
    directions, and their lengths mean nothing."""
    unit = F.normalize(embeddings, dim=1)
    if labels.bincount().max() > 1:
        probe = fit_probe(unit, labels, classes, seed)
        standardise, weight, bias = probe.standardise, probe.weight, probe.bias
    else:
        standardise = Standardise.of(unit)
        regression = LogisticRegression(standardise(unit), labels, classes)
        weight, bias = regression.fit(ONE_EACH_L2)
        weight = weight @ regression.axes.T
    return lambda h: F.linear(standardise(F.normalize(h, dim=1)), weight, bias)


def share_of(labels: Tensor, share: float, classes: int, seed: int) -> Tensor:
    """Rows of ceil(share · N / classes) · classes images, every class equally often: int64. Where a class has not so
    many, all it has, and the larger ones make up for it. Smaller shares are parts of larger ones."""
    each = math.ceil(share * len(labels) / classes - 1e-9)
    order = balanced_order(labels.numpy(), seed)
    return torch.from_numpy(np.sort(order[: each * classes]))


def accuracies(scores: Tensor, labels: Tensor) -> tuple[float, float]:
    """Top-1 and top-5 in percent. scores: float [N, classes]; labels: int64 [N]."""
    best = scores.topk(min(5, scores.shape[1]), dim=1).indices == labels[:, None]
    return 100 * best[:, 0].double().mean().item(), 100 * best.any(1).double().mean().item()


def summary(top1: Sequence[float], top5: Sequence[float], images: int) -> dict[str, float | int]:
    """Means over repeats with fresh corruptions, in percent; standard deviation (ddof 1) and error of the mean over
    them; and the binomial standard error of so many images, which repeats do not lessen."""
    share, spread = np.mean(top1) / 100, float(np.std(top1, ddof=1)) if len(top1) > 1 else 0.0
    return {"top1": round(100 * float(share), 3), "top1_std": round(spread, 3),
            "top1_error": round(spread / math.sqrt(len(top1)), 3), "top5": round(float(np.mean(top5)), 3),
            "sampling_error": round(100 * math.sqrt(share * (1 - share) / images), 3), "repeats": len(top1)}
