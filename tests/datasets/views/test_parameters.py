"""Drawn parameters against the distributions of torchvision's transforms."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import ColorJitter, RandomResizedCrop

from datasets.views.parameters import HUE, MOCO_V2, NEUTRAL, PAPER, RATIO, crop_boxes, draw_parameters

COUNT = 20_000
ALPHA = 1e-4  # of each statistical test; draws are seeded, so a pass stays a pass


def same_distribution(ours, theirs):
    """Two-sample Kolmogorov–Smirnov."""
    assert stats.ks_2samp(ours, theirs).pvalue > ALPHA


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 256)], ids=["square", "wide"])
def test_boxes_follow_random_resized_crop(height, width):
    recipe = PAPER if height == width else MOCO_V2
    ours = draw_parameters(0, 0, 0, np.arange(COUNT), height, width, recipe).box
    torch.manual_seed(0)
    image = torch.empty(3, height, width)
    theirs = np.array([RandomResizedCrop.get_params(image, list(recipe.scale), list(RATIO)) for _ in range(4000)])
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 0] + ours[:, 2] <= height).all() and (ours[:, 1] + ours[:, 3] <= width).all()
    for column in range(4):
        same_distribution(ours[:, column], theirs[:, column])
    same_distribution(ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3])
    same_distribution(ours[:, 3] / ours[:, 2], theirs[:, 3] / theirs[:, 2])


@pytest.mark.parametrize(("height", "width"), [(10, 1000), (1000, 10)])
def test_fallback_is_torchvisions_centre_crop(height, width):
    never = np.full((1, 10, 2), 0.999)  # full area at ratio 4/3 fits neither image
    box = crop_boxes(never, np.zeros((1, 2)), height, width, PAPER.scale)[0]
    torch.manual_seed(0)
    theirs = {RandomResizedCrop.get_params(torch.empty(3, height, width), [1.0, 1.0], list(RATIO)) for _ in range(20)}
    assert tuple(box) in theirs


def test_jitter_follows_color_jitter():
    p = draw_parameters(3, 0, 0, np.arange(COUNT), 128, 128)
    transform = ColorJitter(*PAPER.jitter)
    for column, jitter in enumerate(PAPER.jitter):
        low, high = (-jitter, jitter) if column == HUE else (1 - jitter, 1 + jitter)
        assert (transform.hue if column == HUE else transform.brightness) == (low, high)
        assert stats.kstest((p.factor[:, column] - low) / (high - low), "uniform").pvalue > ALPHA
    _, counts = np.unique(p.order, axis=0, return_counts=True)
    assert len(counts) == 24 and stats.chisquare(counts).pvalue > ALPHA


def test_flip_and_grayscale_have_their_probabilities():
    p = draw_parameters(4, 0, 0, np.arange(COUNT), 128, 128)
    assert stats.binomtest(int(p.flip.sum()), COUNT, 0.5).pvalue > ALPHA
    assert stats.binomtest(int(p.gray.sum()), COUNT, 0.2).pvalue > ALPHA


def test_moco_v2_jitters_and_blurs_each_image_or_not():
    """Colours of 0.8 of the images, half of them with a hue up to 0.1; σ of 0.1 to 2 pixels in half of the images."""
    p = draw_parameters(5, 0, 1, np.arange(COUNT), 256, 256, MOCO_V2)
    jittered = (p.factor != NEUTRAL).all(axis=1)
    assert (jittered | (p.factor == NEUTRAL).all(axis=1)).all()
    for seen, chance in ((jittered, 0.8), (p.blur > 0, 0.5), (jittered & (p.blur > 0), 0.4), (p.gray, 0.2)):
        assert stats.binomtest(int(seen.sum()), COUNT, chance).pvalue > ALPHA
    assert stats.kstest((p.blur[p.blur > 0] - 0.1) / 1.9, "uniform").pvalue > ALPHA
    assert stats.kstest((p.factor[jittered, HUE] + 0.1) / 0.2, "uniform").pvalue > ALPHA


def test_parameters_are_a_function_of_seed_epoch_image_and_view():
    indices = np.arange(50)
    base = draw_parameters(0, 0, 0, indices, 128, 128)
    again = draw_parameters(0, 0, 0, indices[::-1], 128, 128)
    assert np.array_equal(base.factor, again.factor[::-1]) and np.array_equal(base.box, again.box[::-1])
    for keys in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        other = draw_parameters(*keys, indices, 128, 128)
        assert not np.isclose(base.factor, other.factor).any(axis=1).all()
        correlation = np.corrcoef(base.factor[:, 0], other.factor[:, 0])[0, 1]
        assert abs(correlation) < 0.6
