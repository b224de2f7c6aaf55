"""Random numbers that processes share."""

import numpy as np
from scipy import stats

from generators.process import random_bytes, white_noise
from utils.seeding import generator


def test_white_noise_is_uniform_on_256_points():
    noise = np.concatenate([white_noise(generator(9, i), (3, 7, 5), 256) for i in range(300)])
    assert noise.dtype == np.float32 and (noise % 1 == 0.5).all()
    assert stats.chisquare(np.bincount(noise.astype(int).ravel(), minlength=256)).pvalue > 0.001
    np.testing.assert_array_equal(white_noise(generator(9, 0), (3, 7, 5), 10), noise[:3] * np.float32(10 / 256))
    assert random_bytes(generator(9, 0), 13).shape == (13,)
