"""A learner of some thousand weights on images of 16 pixels."""

import dataclasses

import numpy as np
import torch

from train_viewmaker.learner import CommandLearner
from train_viewmaker.options import Options
from training.images.streams import PackedImages

CPU = torch.device("cpu")
SMALL = Options(batch_size=6, steps=8, size=16, width=1 / 32, view_width=1 / 16, view_blocks=1, negatives=8)
IMAGES = np.random.default_rng(0).integers(0, 256, (14, 5, 5, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
ARGUMENTS = ["--batch_size", "6", "--steps", "8", "--size", "16", "--width", "0.03125", "--view_width", "0.0625",
             "--view_blocks", "1", "--negatives", "8", "--gpus"]


def options(**changes: object) -> Options:
    return dataclasses.replace(SMALL, **changes)


def learner(**changes: object) -> CommandLearner:
    return CommandLearner(options(**changes), PackedImages(IMAGES), CPU)


def leaves(state: object, name: str = "") -> dict[str, object]:
    """The tensors and numbers in nested containers, by their paths."""
    inside = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else None
    if inside is None:
        return {name: state}
    return {path: leaf for key, value in inside for path, leaf in leaves(value, f"{name}.{key}").items()}


def same_state(a: object, b: object) -> bool:
    """Whether two states are the same to the bit."""
    a, b = leaves(a), leaves(b)
    return a.keys() == b.keys() and all(
        torch.equal(value, b[name]) if isinstance(value, torch.Tensor) else value == b[name]
        for name, value in a.items())
