"""Restorations come closer to the clean image than what they were given; the mask must be the one that was applied."""

import sys

import numpy as np
import pytest
import torch

from datasets.corruptions.distortions import parse
from train_distillation.evaluation.measure import Images, embed
from train_distillation.restoration import restoration
from train_distillation.restoration.deep_decoder import inpaint_one
from utils.cli import UserError


def smooth(size=32):
    line = torch.linspace(0, 1, size)
    return torch.stack([line[:, None] * line, (1 - line)[:, None] * line, line[:, None] * 0.5 + 0 * line])


def test_inpainting_needs_the_mask_that_was_applied():
    x = smooth()
    y, other = (parse("mask:0.5")((x + 0.01)[None], np.array([i]), 0, 0)[0] for i in (0, 1))
    right, wrong = (inpaint_one(y, (m == 0).all(0, keepdim=True), iterations=150, channels=16) for m in (y, other))
    errors = [(image - x).square().mean().item() for image in (right, wrong, y)]
    assert errors[0] < 0.2 * errors[1] < errors[2]


def test_iterations_are_part_of_the_name():
    x = parse("mask:0.5")(smooth()[None], np.array([0]), 0, 0)
    masked = (x == 0).all(1, keepdim=True)
    found = restoration("deep-decoder:2")(x, masked)[0]
    assert torch.equal(found, inpaint_one(x[0], masked[0], iterations=2))
    for name in ("deep-decoder:0", "deep-decoder:", "deep-decoder:a", "nl-means:2", "sharpen"):
        with pytest.raises(UserError, match="repairs images; choose nl-means"):
            restoration(name)


def test_what_is_repaired_gets_the_mask(teacher):
    from train_distillation.teachers import load_teacher

    tower, seen = load_teacher(str(teacher)), []
    images = Images(np.zeros((3, 64, 64, 3), np.uint8), torch.zeros(3).long())  # black, but not masked

    def restore(x, masked):
        seen.append((x, masked))
        return x

    embed(tower, images, parse("mask:0.25"), 0, 0, torch.device("cpu"), restore=restore)
    embed(tower, images, parse("noise:0.25"), 0, 0, torch.device("cpu"), restore=restore)
    assert seen[0][1].sum((1, 2, 3)).tolist() == [1024] * 3 and not seen[1][1].any()


def test_nl_means_denoises():
    pytest.importorskip("skimage")
    pytest.importorskip("pywt")
    x = smooth()[None]
    y = parse("noise:0.1")(x, np.array([0]), 0, 0)
    assert (restoration("nl-means")(y, y == 9) - x).std() < 0.5 * (y - x).std()


def test_without_scikit_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    monkeypatch.delitem(sys.modules, "train_distillation.restoration.nl_means", raising=False)
    with pytest.raises(UserError, match="pip install scikit-image"):
        restoration("nl-means")
