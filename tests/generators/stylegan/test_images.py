"""StyleGAN images: like those of the plain network, with the colours claimed, and the same bytes always."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from generators.process import stream_key
from generators.stylegan import images as stylegan
from generators.stylegan.images import StyleGAN, make_numbers
from generators.torch_process import _rendered
from tests.files import user_error
from tests.generators.coherence import coherence
from tests.generators.plain_stylegan import plain_image

TIED = ("highfreq", "sparse", "oriented")


def forget() -> None:
    """As in a new process: nothing that was drawn or rendered is at hand."""
    for function in (_rendered, stylegan._network, stylegan._draw, stylegan._kernels, stylegan._numbers):
        function.cache_clear()


@pytest.mark.parametrize("variant", TIED)
def test_tied_images_equal_plain_images(variant):
    process = StyleGAN(variant, resolution=32)
    for index in (3, 9):
        # Both sides round in float32, to within a thousandth of a grey level: only what lies on an edge may differ.
        difference = process.render_on_device([index])[0].int() - plain_image(process, index).int()
        assert difference.abs().max() <= 1 and (difference != 0).float().mean() < 0.01


@pytest.mark.parametrize("process", [
    StyleGAN("random", resolution=32),
    StyleGAN("oriented", "both", resolution=32),
    pytest.param(StyleGAN("sparse", "both", draw=1, resolution=32), marks=pytest.mark.slow)])
def test_dense_images_equal_plain_images(process):
    plain = torch.stack([plain_image(process, index) for index in (2, 5)]).int()
    difference = process.render_on_device([2, 5]).int() - plain
    assert difference.float().square().mean().sqrt() < 2  # bfloat16, where there is such hardware: 8 bits
    difference = dataclasses.replace(process, precision="float32").render_on_device([2, 5]).int() - plain
    assert difference.abs().max() <= 1 and (difference != 0).float().mean() < 0.01


@pytest.mark.gpu
def test_gpu_images_look_like_those_of_the_cpu():
    gpu, cpu = (StyleGAN("random", resolution=64, device=device).render([0, 9]) for device in ("cuda", "cpu"))
    assert np.square(gpu.astype(float) - cpu).mean() ** 0.5 < 3  # bfloat16, and other orders of sums


def test_what_images_share():
    process = StyleGAN("sparse", resolution=32)
    assert process.network_of(0) is process.network_of(399) and process.network_of(0) is not process.network_of(400)
    assert process.draw_of(4) is process.draw_of(7) and process.draw_of(4) is not process.draw_of(8)
    single, random = StyleGAN("sparse", draw=1, resolution=32), StyleGAN("random", resolution=32)
    assert single.draw_of(4) is not single.draw_of(5)
    assert random.draw_of(0) is random.draw_of(399) and random.draw_of(0) is not random.draw_of(400)
    # Images of one draw differ by their own numbers only.
    first, second = process.noise_of(4), process.noise_of(5)
    assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    shared = [np.stack(StyleGAN("oriented", resolution=32).noise_of(i)[-1]) for i in (4, 5, 8)]
    assert np.corrcoef(shared[0].ravel(), shared[1].ravel())[0, 1] == pytest.approx(1)
    assert np.corrcoef(shared[0].ravel(), shared[2].ravel())[0, 1] < 0.99


def test_numbers_of_an_image_follow_their_distributions():
    numbers = [make_numbers(7, i, layers=7) for i in range(300)]
    w = np.stack([one.w for one in numbers])
    assert w.shape == (300, 8, 512) and w.dtype == np.float32
    before = np.where(w < 0, 5 * w, w)[:, :, ::64].ravel()  # undo leaky ReLU of slope 0.2
    assert stats.kstest(before, stats.norm.cdf).pvalue > 0.001
    strengths = np.concatenate([one.strengths for one in numbers])
    assert stats.kstest(strengths, stats.uniform(0, 0.3).cdf).pvalue > 0.001
    picks = np.concatenate([one.picks for one in numbers])
    assert stats.chisquare(np.bincount(picks, minlength=100)).pvalue > 0.001


@pytest.mark.parametrize("variant", [*TIED, pytest.param("random", marks=pytest.mark.slow)])
def test_colours_follow_their_distributions(variant):
    process = StyleGAN(variant, resolution=32, seed=1)
    images = torch.cat([process.coloured_block(number) for number in range(320 // process.block)])
    mean, deviation = images.mean(dim=(2, 3)).numpy(), images.std(dim=(2, 3), correction=0).numpy()
    centres = [(0.483, 0.145), (0.455, 0.142), (0.401, 0.161)]
    spreads = [(0.219, 0.063), (0.213, 0.062), (0.213, 0.069)]
    for channel in range(3):
        # Kolmogorov and Smirnov's test allows for the sampling error of 320 images. A negative deviation inverts a
        # channel, which its measured deviation does not show: folded normal.
        assert stats.kstest(mean[:, channel], stats.norm(*centres[channel]).cdf).pvalue > 0.001
        centre, spread = spreads[channel]
        assert stats.kstest(deviation[:, channel], stats.foldnorm(centre / spread, scale=spread).cdf).pvalue > 0.001


def test_images_are_clipped_and_rounded():
    process = StyleGAN("sparse", resolution=32)
    expected = np.rint(np.clip(process.coloured_block(0).numpy(), 0, 1) * np.float32(255))
    got = process.render_on_device(range(process.block))
    assert got.dtype == torch.uint8 and got.shape == (process.block, 32, 32, 3)
    np.testing.assert_array_equal(got.numpy(), expected.transpose(0, 2, 3, 1))


def test_oriented_images_have_a_direction():
    means, errors = {}, {}
    for variant in TIED:
        images = StyleGAN(variant, draw=1, resolution=64).render_on_device(range(200)).numpy().mean(axis=3)
        values = [coherence(image) for image in images]
        means[variant], errors[variant] = np.mean(values), np.std(values) / len(values) ** 0.5
    # Found: highfreq 0.164, sparse 0.192, oriented 0.436, standard errors 0.008, 0.008 and 0.014.
    for other in ("highfreq", "sparse"):  # more than half as much again, by four standard errors
        assert means["oriented"] - 1.5 * means[other] > 4 * np.hypot(errors["oriented"], 1.5 * errors[other])


@pytest.mark.parametrize("process", [*(StyleGAN(variant, resolution=32) for variant in ("random", *TIED)),
                                     StyleGAN("oriented", draw=1, resolution=32)])
def test_images_do_not_depend_on_the_request(process):
    last = 14 if process.variant == "random" else 401  # 401 is of another network: not so cheap for random
    together = process.render_on_device([3, 12, last])
    forget()
    assert torch.equal(process.render_on_device([last, 12]), together[[2, 1]])
    forget()
    assert torch.equal(process.render_on_device([3]), together[:1])
    assert not torch.equal(dataclasses.replace(process, seed=1).render_on_device([3]), together[:1])


def test_the_device_is_no_part_of_what_is_drawn():
    assert stream_key(StyleGAN("random", resolution=32)) == stream_key(StyleGAN("random", resolution=32, device="cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [64, 128, 512, 1024])
def test_every_resolution_renders(resolution):
    for variant in TIED:
        image = StyleGAN(variant, resolution=resolution).render_on_device([0])[0]
        assert image.shape == (resolution, resolution, 3) and image.float().std() > 5


@pytest.mark.parametrize("options, message", [
    ({"resolution": 16}, "power of two from 32, not 16"),
    ({"resolution": 96}, "power of two"),
    ({"variant": "random", "draw": 1}, "leave them out"),
    ({"draw": 2}, "draw must be 4 or 1, not 2"),
    ({"variant": "dense"}, "variant must be one of random, highfreq, sparse, oriented"),
    ({"tie": "chin"}, "tie must be one of chout, both"),
    ({"variant": "sparse", "device": "cuda"}, "computed on the CPU")])
def test_bad_values_are_refused_in_one_line(options, message):
    user_error(message, StyleGAN, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused():
    user_error("no CUDA GPU", StyleGAN, "random", device="cuda")
