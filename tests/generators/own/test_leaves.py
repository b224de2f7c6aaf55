"""Leaves with textures: the laws of their sizes and outlines, and textures shared by two hundred images."""

import numpy as np
from scipy import stats

from generators.own.leaves import GROUP, TEXTURES, Leaves, outlines, random_leaves, textures_of
from generators.process import stream_key
from utils.seeding import generator


def test_images_do_not_depend_on_the_request():
    process, indices = Leaves(resolution=24), [GROUP + 1, 3, GROUP - 1, GROUP, 0]
    together = process.render(indices)
    assert together.shape == (5, 24, 24, 3) and together.dtype == np.uint8
    assert len({image.tobytes() for image in together}) == 5
    for k in range(5):
        np.testing.assert_array_equal(process.render(indices[k : k + 1])[0], together[k])
    assert process.render([]).shape == (0, 24, 24, 3)
    assert not np.array_equal(Leaves(resolution=24, seed=1).render([0]), together[-1:])


def test_images_of_one_pixel():
    assert Leaves(resolution=1).render(range(8)).shape == (8, 1, 1, 3)


def test_radii_have_density_r_to_the_minus_3():
    leaves = random_leaves(generator(1, 0), 3000, 100, 0.05, 0.8)
    radii = leaves[:, 2] / 100
    assert stats.kstest(radii**-2, stats.uniform(0.8**-2, 0.05**-2 - 0.8**-2).cdf).pvalue > 0.001
    assert stats.kstest(np.log(leaves[:, 5]), stats.uniform(0, np.log(3.5)).cdf).pvalue > 0.001  # how narrow
    assert stats.binomtest(int((leaves[:, 6] > 0).sum()), 3000, 1 / 7).pvalue > 0.001
    np.testing.assert_allclose(np.hypot(leaves[:, 3], leaves[:, 4]), 1, rtol=1e-5)


def test_outlines_reach_1_and_a_third_are_polygons():
    radii = outlines(generator(2, 0), 900)
    np.testing.assert_allclose(radii.max(axis=1), 1, rtol=1e-5)
    assert radii.min() > 0
    apothem = np.cos(np.pi / np.arange(3, 7))
    polygons = np.abs(radii.min(axis=1)[:, None] - apothem).min(axis=1) < 0.01  # few others come so near by chance
    assert stats.binomtest(int(polygons.sum()), 900, 1 / 3, "less").pvalue > 0.001
    assert polygons.mean() < 0.45


def test_textures_belong_to_two_hundred_images_of_one_seed():
    key = stream_key(Leaves(resolution=16))
    first = textures_of(key, 0, 16)
    assert first.shape == (TEXTURES, 16, 16, 3) and first.dtype == np.int8
    assert abs(np.median(first.std(axis=(1, 2))) - 32) < 2
    assert len({textures_of(*which, 16).tobytes() for which in ((key, 0), (key, 1), (key + 1, 0))}) == 3
