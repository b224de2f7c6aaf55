"""What StyleGAN networks are made of: their layers, and random numbers that follow the distributions claimed."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from generators.process import stream_key
from generators.stylegan.images import StyleGAN
from generators.stylegan.network import STYLE, VARIANTS, at_all_sizes, conv_layers, make_network, styles


def test_layers_of_the_network():
    convs = conv_layers(256)
    assert len(convs) == 13 and [c.resolution for c in convs[::2]] == [4, 8, 16, 32, 64, 128, 256]
    assert [c.outputs for c in convs[::2]] == [512, 512, 512, 512, 512, 256, 128]
    assert [c.inputs for c in convs[9:]] == [512, 256, 256, 128]
    assert [c.up for c in convs] == [False] + [True, False] * 6
    assert [c.to_rgb for c in convs] == [True] + [False, True] * 6


def test_styles_by_hand():
    network = StyleGAN("highfreq", resolution=32).network_of(0)
    w = F.leaky_relu(torch.randn(3, 8, STYLE, generator=torch.Generator().manual_seed(0)), 0.2)
    scales, rgb_scales = styles(network, w)
    torch.testing.assert_close(scales[4][1], 1 + network.affines[4].T @ w[1, 4] / 512**0.5)
    # ToRGB reads the vector after that of the last convolution of its block: of the third block, number 4, this is 5.
    torch.testing.assert_close(rgb_scales[2][1], (1 + network.rgb_affines[2].T @ w[1, 5] / 512**0.5) / 512**0.5)
    # |w|^2 is 512 times (1 + 0.04) / 2 on average, and so the variance of a style 0.52.
    spread = np.concatenate([s.flatten() for s in scales])
    # The affines have 3,584 rows. What three images share is their affines, so these count once.
    rows = sum(len(s[0]) for s in scales)
    assert spread.mean() == pytest.approx(1, abs=4 * (0.52 / rows) ** 0.5)
    assert spread.var() == pytest.approx(0.52, abs=4 * 0.52 * (2 / rows) ** 0.5)


@pytest.mark.parametrize("variant, low, high", [("highfreq", 0, 0), ("sparse", 0, 0.2), ("oriented", -0.2, 0.2)])
def test_weights_follow_their_distributions(variant, low, high):
    process = StyleGAN(variant, draw=1, resolution=32)
    draws = [process.draw_of(i) for i in range(20)]
    biases = np.concatenate([np.concatenate(draw.biases) for draw in draws])
    assert biases.min() >= np.float32(low) and biases.max() <= np.float32(high)
    assert low == high or stats.kstest(biases, stats.uniform(low, high - low).cdf).pvalue > 0.001
    network = process.network_of(0)
    for weights in ([w for draw in draws for w in draw.multipliers], [w for draw in draws for w in draw.rgb_weights],
                    [network.constant], [a[:10] for a in network.affines], [a[:10] for a in network.rgb_affines]):
        assert stats.kstest(np.concatenate([w.ravel() for w in weights]), stats.norm.cdf).pvalue > 0.001


def test_oriented_layers_use_5_to_40_filters():
    process = StyleGAN("oriented", draw=1, resolution=32)
    used = [len(np.unique(filters.reshape(-1, 9).round(3), axis=0))
            for i in range(100) for filters in process.draw_of(i).filters]
    # 512 choices among 40 leave one out with probability 40 exp(-12.8): next to never.
    counts = np.bincount(used, minlength=41)
    assert counts[:5].sum() == 0 and len(counts) == 41
    assert stats.chisquare(counts[5:]).pvalue > 0.001
    # The other sets use the whole dictionary, entries that look alike more often.
    sparse = StyleGAN("sparse", draw=1, resolution=32).draw_of(0).filters[0]
    assert len(np.unique(sparse.reshape(-1, 9), axis=0)) == 32


def test_shared_noise_is_an_area_mean_of_one_map():
    field = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    maps = at_all_sizes(field, 128)
    assert sorted(maps) == [4, 8, 16, 32, 64, 128]
    for size in maps:
        expected = F.interpolate(torch.from_numpy(field)[None, None], (size, size), mode="area")[0, 0]
        np.testing.assert_allclose(maps[size], expected, atol=1e-6)
    assert sorted(at_all_sizes(field, 16)) == [4, 8, 16]


def test_noise_maps_do_not_depend_on_what_was_picked_before():
    key, convs = stream_key(StyleGAN("sparse", resolution=32)), conv_layers(32)
    one, other = (make_network(key, 0, convs, VARIANTS["sparse"].envelope) for _ in range(2))
    first = one.noise_map(3, 17, 16)
    other.noise_map(0, 99, 4)
    np.testing.assert_array_equal(other.noise_map(3, 17, 16), first)
    assert not np.array_equal(other.noise_map(4, 17, 16), first) and len(other.pool) == 3
