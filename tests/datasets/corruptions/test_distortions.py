"""Distortions do what they say, image by image, as a function of seed, epoch and image."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.functional import gaussian_blur

from datasets.corruptions.distortions import curriculum, parse
from datasets.corruptions.mixtures import ANY, chosen
from utils.cli import UserError
from utils.seeding import uniforms

MANY = np.arange(60)


def images(count=60, size=20):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1)) * 0.98 + 0.01


def gone(text, x=None, indices=MANY, epoch=0, seed=0):
    x = torch.ones(len(indices), 3, 20, 20) if x is None else x
    return parse(text)(x, indices, seed, epoch) == 0


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.29, 116), (0.5, 200), (0.751, 300), (1, 400)])
def test_a_mask_has_an_exact_count_in_all_channels(share, count):
    mask = gone(f"mask:{share}")
    assert (mask[:, 0] == mask[:, 1]).all() and (mask[:, 0] == mask[:, 2]).all()
    assert (mask[:, 0].sum((1, 2)) == count).all()


def test_masks_fall_evenly_and_on_every_image_anew():
    mask = gone("mask:0.25", indices=np.arange(2000))[:, 0].double()
    spread = (mask.mean(0) - 0.25) / math.sqrt(0.25 * 0.75 / 2000)
    assert spread.abs().max() < 5 and 0.8 < spread.std() < 1.2
    shared = (mask[::2] * mask[1::2]).sum((1, 2)).mean()  # of two masks of 100 out of 400 pixels: 25
    assert abs(shared - 25) < 1


def test_what_is_random_is_a_function_of_seed_epoch_and_image():
    for text in ("mask:0.1-0.9", "noise:0.1-0.5", "square:3-9", "blur:5,0.5-2", "multi:1", "multi:2", "multi:3"):
        x = images()
        whole, distort = parse(text)(x, MANY, 3, 1), parse(text)
        torch.testing.assert_close(distort(x[20:30], MANY[20:30], 3, 1), whole[20:30], rtol=0, atol=1e-6)
        for seed, epoch in ((3, 2), (4, 1)):
            assert not torch.equal(distort(x, MANY, seed, epoch), whole)
        assert torch.equal(x, images())


def test_fixed_ones_are_the_same_for_all():
    mask = gone("mask:0.5,fixed")
    assert (mask == mask[:1]).all() and torch.equal(mask, gone("mask:0.5,fixed", epoch=4, seed=2))
    noise = parse("noise:0.3,fixed")(images(), MANY, 0, 0) - images()
    torch.testing.assert_close(noise, noise[:1].expand_as(noise))


def test_noise_has_its_sigma_and_is_not_clipped():
    x = images()
    noise = parse("noise:0.5")(x, MANY, 0, 0) - x
    assert stats.kstest(noise.numpy().ravel() / 0.5, "norm").pvalue > 1e-4
    assert (x + noise).min() < -1


def test_levels_are_drawn_from_their_range():
    counts = gone("mask:0.25-0.75", indices=np.arange(1000))[:, 0].sum((1, 2)).numpy() / 400
    assert stats.kstest(counts, stats.uniform(0.25, 0.5).cdf).statistic < 1.95 / math.sqrt(1000) + 1 / 400


@pytest.mark.parametrize(("kernel", "sigma"), [(1, 0.5), (7, 1.43), (21, 5), (37, 9)])
def test_blur_is_torchvisions(kernel, sigma):
    x = images(4, 24)[:, :, :, :20]
    torch.testing.assert_close(parse(f"blur:{kernel},{sigma}")(x, MANY[:4], 0, 0),
                               gaussian_blur(x, [kernel, kernel], [sigma, sigma]), rtol=0, atol=1e-5)


def test_squares():
    mask = gone("square:6")[:, 0]
    assert (mask.sum((1, 2)) == 36).all() and (mask.any(2).sum(1) == 6).all() and (mask.any(1).sum(1) == 6).all()
    assert len(mask.flatten(1).unique(dim=0)) > 30
    centre = gone("square:6,centre")[:, 0]
    assert centre[:, 7:13, 7:13].all() and centre.sum() == 60 * 36


def test_the_curriculum_raises_the_level():
    assert curriculum(0) == pytest.approx(0.1) and curriculum(5) == pytest.approx(1 - 0.9 / math.e)
    mask = parse("mask:0.5")(torch.ones(2, 3, 20, 20), MANY[:2], 0, 0, strength=0.5) == 0
    assert (mask[:, 0].sum((1, 2)) == 100).all()


@pytest.mark.parametrize(("mode", "expected"), [
    (1, (0.5, 0.4, 0.4, 0.1)), (2, tuple(ANY * p / 1.4 for p in (0.5, 0.4, 0.4, 0.1))),
    (3, (0, 0.8, 0.8, 0)), (4, (0, 0.3, 0.3, 0))])
def test_mixtures_are_drawn_for_each_image(mode, expected):
    has = chosen(mode, uniforms(5, np.arange(5000), 4))
    error = np.sqrt(np.array(expected) * (1 - np.array(expected)) / 5000)
    assert (np.abs(has.mean(0) - expected) <= 4 * error).all()
    if mode in (2, 4):
        assert has.sum(1).max() == 1
    else:
        assert abs((has[:, 1] & has[:, 2]).mean() - expected[1] * expected[2]) < 4 * 0.5 / math.sqrt(5000)


def test_mixtures_change_what_they_chose():
    x = images()
    for mode, share in ((1, 1 - 0.5 * 0.6 * 0.6 * 0.9), (2, 0.6), (3, 0.96), (4, 0.6)):
        changed = (parse(f"multi:{mode}")(x, MANY, 0, 0) != x).any(dim=(1, 2, 3)).double().mean()
        assert abs(changed - share) < 4 * math.sqrt(share * (1 - share) / 60) + 1e-9


@pytest.mark.parametrize(("text", "said"), [
    ("mask", "is no distortion"), ("mask:1.1", "between 0 and 1"), ("mask:0.9-0.5", "lower end of a range first"),
    ("mask:-1", "is no distortion"), ("noise:11", "between 0 and 10"), ("blur:20,5", "odd kernel"),
    ("blur:5", "odd kernel"), ("blur:21,0", "between 0.01"), ("multi:5", "between 1 and 4"), ("multi:1.5", "between"),
    ("noise:0.1,centre", "centre for square"), ("fog:1", "is no distortion"), ("none:1", "is no distortion")])
def test_bad_input_is_one_line(text, said):
    with pytest.raises(UserError, match=said):
        parse(text)


def test_images_that_are_too_small():
    for text, said in (("blur:41,5", "needs images of more than 20"), ("square:21", "does not fit"),
                       ("multi:3", "needs images")):
        with pytest.raises(UserError, match=said):
            parse(text).check(11 if text == "multi:3" else 20)
    parse("blur:39,5").check(20)
