"""The filter dictionaries against stencils worked out by hand, and their symmetries."""

import numpy as np
import pytest

from generators.stylegan.dictionary import sign_dictionary, smooth_dictionary


def test_sign_dictionary_by_hand():
    filters = sign_dictionary().astype(int).reshape(40, 9).tolist()
    assert filters[0] == [1, 0, -1] * 3  # edges: 0, 22.5 and 45 degrees
    assert filters[1] == [1, -1, -1, 1, 0, -1, 1, 1, -1]
    assert filters[2] == [1, -1, -1, 1, 1, -1, 1, 1, -1]  # no zeros in the diagonals: their rounding had a sign
    assert filters[6] == [-1, -1, 1, -1, 1, 1, 1, 1, 1]
    assert filters[4] == [-1, -1, -1, 0, 0, 0, 1, 1, 1]  # 90 degrees, counter-clockwise
    assert filters[16] == filters[17] == [1, -1, 1] * 3  # lines: two angles look the same
    assert filters[18] == [-1, 1, 1, 1, -1, 1, 1, 1, -1]
    assert filters[32:36] == [[0, 0, 0, 0, 1, 0, 0, 0, 0], [-1, -1, -1, -1, 1, -1, -1, -1, -1],
                              [0, 1, 0, 1, 1, 1, 0, 1, 0], [-1, 1, -1, 1, 1, 1, -1, 1, -1]]
    assert len({tuple(f) for f in filters}) == 32


@pytest.mark.parametrize("entry, stencil", [
    (0, [1, 0, -1, 1, 0, -1, 1, 0, -1]),
    (1, [0.541, -0.383, -1, 0.924, 0, -0.924, 1, 0.383, -0.541]),
    (2, [0, -0.707, -1, 0.707, 0, -0.707, 1, 0.707, 0]),
    (8, [0.667, -1.333, 0.667] * 3),
    (9, [-0.183, -0.5, 0.734, 0.582, -1.266, 0.582, 0.734, -0.5, -0.183]),
    (10, [-1.073, 0.341, 0.927, 0.341, -1.073, 0.341, 0.927, 0.341, -1.073])])
def test_smooth_dictionary_by_hand(entry, stencil):
    np.testing.assert_allclose(smooth_dictionary()[entry].ravel(), stencil, atol=6e-4)  # they have three decimals


def test_smooth_dictionary_norms_and_sums():
    filters = smooth_dictionary()
    norms = np.linalg.norm(filters.reshape(40, 9), axis=1)
    edges, lines = [2.449, 2.141, 2.0, 2.141], [2.828, 1.981, 2.375, 1.981]
    np.testing.assert_allclose(norms[:20], edges * 2 + lines * 2 + [1, 3, 5**0.5, 3], atol=6e-4)
    np.testing.assert_allclose(filters[:16].sum(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(filters[16:20].sum(axis=(1, 2)), [1, -7, 5, 1])
    assert len(np.unique(filters.reshape(40, 9).round(3), axis=0)) == 40


@pytest.mark.parametrize("filters", [sign_dictionary(), smooth_dictionary()])
def test_each_filter_comes_with_its_negative(filters):
    assert filters.shape == (40, 3, 3) and filters.dtype == np.float32
    entries = {tuple(f) for f in filters.reshape(40, 9).round(3) + 0.0}
    assert entries == {tuple(f) for f in -filters.reshape(40, 9).round(3) + 0.0}
    assert set(np.unique(sign_dictionary())) == {-1, 0, 1}
