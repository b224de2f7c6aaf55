"""Views against torchvision's float implementation on the same parameters, compiled and batched path alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as V

from datasets.views import batched as views
from datasets.views.batched import batched_views, make_views
from datasets.views.parameters import BRIGHTNESS, CONTRAST, HUE, MOCO_V2, SATURATION, draw_parameters

MEAN, STD = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def images(count=12, height=96, width=128, seed=0):
    """Smooth colour on top of noise, with flat grey, black and white patches: every branch of the hue formula."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    x[:, :10, :10], x[:, 10:20, :10], x[:, 20:30, :10] = 0, 255, 128
    right = width // 2
    x[:, :, right:] = np.linspace(0, 255, width - right, dtype=np.uint8)[None, None, :, None]
    x[:, height // 3 : height // 2, right:, 1] //= 2
    return torch.from_numpy(x)


def plain(parameters):
    """The same boxes with everything else switched off."""
    neutral = np.ones_like(parameters.factor)
    neutral[:, HUE] = 0
    off = np.zeros_like(parameters.flip)
    return replace(parameters, factor=neutral, flip=off, gray=off)


def torchvision_view(image, p, n, size=64):
    """One view by torchvision's own functions, in float."""
    x = image.permute(2, 0, 1).float() / 255
    x = V.resized_crop(x, *p.box[n].tolist(), [size, size], antialias=True)
    if p.flip[n]:
        x = V.horizontal_flip(x)
    apply = {BRIGHTNESS: V.adjust_brightness, CONTRAST: V.adjust_contrast, SATURATION: V.adjust_saturation,
             HUE: V.adjust_hue}
    for operation in p.order[n]:
        x = apply[int(operation)](x, float(p.factor[n, operation]))
    x = V.rgb_to_grayscale(x, num_output_channels=3) if p.gray[n] else x
    return V.gaussian_blur(x, [23, 23], [float(p.blur[n])] * 2) if p.blur[n] else x  # 23: a tenth of 224, as SimCLR


PATHS = pytest.mark.parametrize("path", [make_views, batched_views], ids=["compiled", "batched"])


@PATHS
@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 160), (40, 40), (300, 200)])
def test_crop_and_resize_agree_with_torchvision_within_1e_4(path, height, width):
    x = images(height=height, width=width)
    p = plain(draw_parameters(0, 0, 0, np.arange(len(x)), height, width))
    ours = path(x, p, 64, MEAN, STD)
    for n in range(len(x)):
        torch.testing.assert_close(ours[n], torchvision_view(x[n], p, n), atol=1e-4, rtol=0)


@PATHS
def test_flip_is_exact(path):
    x = images()
    p = plain(draw_parameters(0, 0, 0, np.arange(len(x)), 96, 128))
    flipped = path(x, replace(p, flip=~p.flip), 64, MEAN, STD)
    torch.testing.assert_close(flipped, path(x, p, 64, MEAN, STD).flip(3), atol=1e-6, rtol=0)


@PATHS
@pytest.mark.parametrize("operation", [BRIGHTNESS, CONTRAST, SATURATION, HUE])
def test_each_colour_operation_agrees_with_torchvision_within_1e_3(path, operation):
    x = images()
    drawn = draw_parameters(1, 0, 0, np.arange(len(x)), 96, 128)
    p = plain(drawn)
    p.factor[:, operation] = drawn.factor[:, operation]
    ours = path(x, p, 64, MEAN, STD)
    for n in range(len(x)):
        torch.testing.assert_close(ours[n], torchvision_view(x[n], p, n), atol=1e-3, rtol=0)


@PATHS
def test_whole_view_agrees_with_torchvision(path):
    x = images(count=64)
    p = draw_parameters(2, 3, 1, np.arange(len(x)), 96, 128)
    assert p.gray.any() and p.flip.any() and len({tuple(o) for o in p.order}) > 12
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    ours = path(x, p, 64, mean, std)
    assert ours.dtype == torch.float32 and ours.is_contiguous(memory_format=torch.channels_last)
    for n in range(len(x)):
        theirs = V.normalize(torchvision_view(x[n], p, n), mean, std)
        torch.testing.assert_close(ours[n], theirs, atol=1e-3 / min(std), rtol=0)


@PATHS
def test_moco_v2s_view_at_224_agrees_with_torchvision(path):
    """Float arithmetic, not PIL's 8 bits. MoCo flips after the blur, which is symmetric."""
    x = images(count=10, height=256, width=256)
    p = draw_parameters(0, 1, 0, np.arange(len(x)), 256, 256, MOCO_V2)
    assert 2 < (p.blur > 0).sum() < 9 and p.blur.max() > 1.5 and (p.factor[:, BRIGHTNESS] == 1).any() and p.gray.any()
    ours = path(x, p, 224, MEAN, STD)
    for n in range(len(x)):
        torch.testing.assert_close(ours[n], torchvision_view(x[n], p, n, 224), atol=1e-3, rtol=0)


@PATHS
@pytest.mark.parametrize("deviation", [0.1, 0.7, 2.0, 40.0])
def test_a_blur_reaches_over_the_borders_as_torchvisions(path, deviation):
    """The kernel may be wider than the view."""
    x, size = images(count=2), 12
    p = replace(plain(draw_parameters(0, 0, 0, np.arange(2), 96, 128)), blur=np.full(2, deviation))
    sharp = path(x, replace(p, blur=np.zeros(2)), size, MEAN, STD)
    reach = min(int(np.ceil(4 * deviation)), size - 1)
    theirs = V.gaussian_blur(sharp, [2 * reach + 1] * 2, [deviation] * 2)
    torch.testing.assert_close(path(x, p, size, MEAN, STD), theirs, atol=1e-4, rtol=0)


def test_a_view_does_not_depend_on_its_batch_or_on_the_number_of_threads():
    x = images()
    indices = np.arange(len(x))
    whole = make_views(x, draw_parameters(0, 5, 0, indices, 96, 128), 64, MEAN, STD)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        some = indices[[7, 2]]
        part = make_views(x[some], draw_parameters(0, 5, 0, some, 96, 128), 64, MEAN, STD)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(part, whole[some])


def test_empty_parts_are_not_rendered(monkeypatch):
    """More threads than images must not split into empty pieces."""
    monkeypatch.setattr(views.torch, "get_num_threads", lambda: 8)
    x = images(count=2)
    assert make_views(x, draw_parameters(0, 0, 0, np.arange(2), 96, 128), 64, MEAN, STD).shape == (2, 3, 64, 64)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_gpu_agrees_with_cpu():
    x = images(count=32)
    p = draw_parameters(0, 0, 0, np.arange(len(x)), 96, 128)
    torch.testing.assert_close(make_views(x.cuda(), p, 64, MEAN, STD).cpu(), make_views(x, p, 64, MEAN, STD),
                               atol=1e-3, rtol=0)
