import numpy as np
import torch

from linear_eval.features.baselines import colour_histogram, mean_colours, raw_pixels

IMAGES = np.random.default_rng(2).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def test_mean_colours():
    expected = [[IMAGES[i, :, :, c].astype(float).mean() / 255 for c in range(3)] for i in range(3)]
    np.testing.assert_allclose(mean_colours(torch.from_numpy(IMAGES)), expected, rtol=1e-5)


def test_raw_pixels():
    expected = [[IMAGES[i, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2, c].astype(float).mean() / 255
                 for y in range(32) for x in range(32) for c in range(3)] for i in range(3)]
    np.testing.assert_allclose(raw_pixels(torch.from_numpy(IMAGES)), expected, rtol=1e-5)


def test_colour_histogram():
    expected = np.zeros((3, 64))
    for i in range(3):
        for red, green, blue in IMAGES[i].reshape(-1, 3) // 64:
            expected[i, int(red) * 16 + int(green) * 4 + int(blue)] += 1 / 4096
    found = colour_histogram(torch.from_numpy(IMAGES))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
