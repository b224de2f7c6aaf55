"""Words are those of utils.seeding, and normal numbers follow their law."""

import numpy as np
import torch
from scipy import stats

from utils.device_seeding import normals, words
from utils.seeding import stable_key, uniforms

CPU = torch.device("cpu")


def test_words_are_those_of_uniforms():
    key, indices = stable_key("test"), np.array([0, 7, 2**31])
    made = words(key, indices, 50, CPU)
    uniform = ((made >> 11) & (2**53 - 1)).double() * 2.0**-53
    np.testing.assert_array_equal(uniform.numpy(), uniforms(key, indices, 50))
    assert torch.equal(words(key, indices[1:2], 50, CPU)[0], made[1])


def test_normals_are_normal_and_independent():
    x = normals(stable_key("normal"), np.arange(40), 5001, CPU).double().numpy()
    assert x.shape == (40, 5001) and stats.kstest(x.ravel(), "norm").pvalue > 1e-4
    within = np.corrcoef(x[:, :2500].ravel(), x[:, 2501:5001].ravel())[0, 1]  # both numbers of a word
    between = np.corrcoef(x[::2].ravel(), x[1::2].ravel())[0, 1]
    assert abs(within) < 4 / np.sqrt(1e5) and abs(between) < 4 / np.sqrt(1e5)
