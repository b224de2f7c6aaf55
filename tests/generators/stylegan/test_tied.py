"""Networks with tied filters: few functions of a pixel against all the channels of the plain network, in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from generators.stylegan import dense, tied
from generators.stylegan.images import StyleGAN
from generators.stylegan.network import styles
from tests.generators.plain_stylegan import modulate, plain_stylegan

TIED = ("highfreq", "sparse", "oriented")


def tied_float64(process: StyleGAN, index: int, epsilon: float) -> np.ndarray:
    """Image `index` by the fast network in float64, before its colours are set."""
    network = process.network_of(index)
    scales, rgb_scales = styles(network, torch.from_numpy(process.numbers_of(index).w)[None])
    return tied.synthesise(network.constant.astype(np.float64), process.convs, process.draw_of(index),
                           [s[0].double().numpy() for s in scales],
                           [s[0].double().numpy() for s in rgb_scales],
                           [noise.astype(np.float64) for noise in process.noise_of(index)], epsilon)


@pytest.mark.parametrize("variant", TIED)
@pytest.mark.parametrize("index", [0, 5])
def test_tied_network_equals_the_dense_one(variant, index):
    process = StyleGAN(variant, resolution=32)
    plain = plain_stylegan(process, index, torch.float64, epsilon=0).numpy()
    fast = tied_float64(process, index, epsilon=0)
    assert fast.dtype == np.float64 and np.abs(plain).max() > 0.1
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("variant", TIED)
@pytest.mark.parametrize("resolution", [256, 512])
def test_large_tied_network_equals_the_dense_one(variant, resolution):
    process = StyleGAN(variant, resolution=resolution)
    plain = plain_stylegan(process, 401, torch.float64, epsilon=0).numpy()
    np.testing.assert_allclose(tied_float64(process, 401, epsilon=0), plain, rtol=0, atol=1e-10)


def test_epsilon_shrinks_what_has_a_small_multiplier():
    # A dense channel of multiplier a has the factor 1 / sqrt(1 + 1e-8 / (a |f|)^2), which ours has not.
    filters = torch.randn(16, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    multipliers = torch.tensor([1, 0.01, 1e-4, -1e-5], dtype=torch.float64)[:, None, None, None]
    dense = modulate(multipliers * filters, torch.ones(16, dtype=torch.float64), epsilon=1e-8)
    norm = dense.square().sum(dim=(1, 2, 3)).sqrt()
    expected = (1 + 1e-8 / (multipliers.ravel() * filters.norm()) ** 2) ** -0.5
    torch.testing.assert_close(norm, expected)
    assert norm[3] < 0.8 and norm[1] > 1 - 1e-6
    # 1 - factor is 0.5e-8 / (a |f|)^2, and |f| is some 50 in a network: a millionth of an image, as a rule.
    process = StyleGAN("sparse", resolution=32)
    with_epsilon = plain_stylegan(process, 2, torch.float64).numpy()
    difference = np.abs(tied_float64(process, 2, epsilon=1e-8) - with_epsilon).max() / with_epsilon.std()
    assert 1e-12 < difference < 1e-4


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_responses_equal_the_sum_over_channels(count):
    rng = np.random.default_rng(count)
    s, noise = rng.normal(size=(2, 6, 7))
    bias = rng.uniform(-0.2, 0.2, count + 40)
    bias[: count // 2] = 0.1  # equal breakpoints
    s[0], noise[0] = 0.1, np.array([0, -0.2, 0.2, 0.1, 1, -1, 0])  # and pixels on a breakpoint
    signs = np.repeat([1, -1], [count, 40])
    coefficients = rng.normal(size=(len(bias), tied.WIDTH))
    order = np.argsort(-bias)
    got = tied.respond(s, noise, bias, order[signs[order] > 0], order[signs[order] < 0], coefficients, 2, 12)
    channels = np.maximum(signs[:, None, None] * s + noise + bias[:, None, None], 0)
    np.testing.assert_allclose(got, np.einsum("ot,oyx->tyx", coefficients, channels)[2:12], atol=1e-12)


def test_doubling_filter_equals_stuffing_with_zeros():
    image = torch.randn(1, 3, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    stuffed = torch.zeros(1, 3, 10, 12, dtype=torch.float64)
    stuffed[:, :, ::2, ::2] = image
    taps = torch.tensor([1, 3, 3, 1], dtype=torch.float64) / 4
    plain = F.conv2d(F.pad(stuffed, (2, 1, 2, 1)), torch.outer(taps, taps).repeat(3, 1, 1, 1), groups=3)
    torch.testing.assert_close(dense.smooth(image, double=True), plain)
    np.testing.assert_allclose(tied.double_image(image[0].numpy()), plain[0], atol=1e-12)
