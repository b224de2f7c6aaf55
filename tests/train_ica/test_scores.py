"""Scores on cases whose answer is known, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score, r2_score

from train_ica.scores import all_scores, dci, mcc, mcc_each, mig, mutual_information, r2, r2_each, sap
from utils.cli import UserError

N = 5000
Z = np.random.default_rng(0).uniform(size=(N, 4))
MAPPED = Z[:, [2, 0, 3, 1]] * [-1, 3, 0.1, -5] + [0, 1, 2, 3]  # permuted, flipped, scaled, moved
OTHER = np.random.default_rng(1).normal(size=(N, 4))
ROTATED = Z @ np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
SMALL = 5 / np.sqrt(N)


def test_a_generalised_permutation_is_perfect():
    found = all_scores(Z, MAPPED)
    for name in ("r2", "r2_in_sample", "mcc", "mcc_spearman", "dci_disentanglement", "dci_completeness"):
        assert found[name] == pytest.approx(1, abs=1e-9), name
    assert found["sap"] == pytest.approx(1, abs=SMALL**2) and found["mig"] > 0.95


def test_a_rotation_is_linear_but_not_disentangled():
    assert r2(Z, ROTATED) == pytest.approx(1) and mcc(Z, ROTATED) < 0.9
    assert dci(Z, ROTATED)[0] < 0.7 and sap(Z, ROTATED) < 0.7 and mig(Z, ROTATED) < 0.4


def test_independent_representations_score_nothing():
    assert abs(r2(Z, OTHER)) < SMALL and mcc(Z, OTHER) < SMALL and mcc(Z, OTHER, "spearman") < SMALL
    assert sap(Z, OTHER) < SMALL**2 and mig(Z, OTHER) < 0.02


def test_ranks_see_through_monotone_maps():
    h = np.exp(8 * MAPPED / np.abs(MAPPED).max(0))
    assert mcc(Z, h, "spearman") == pytest.approx(1) and mcc(Z, h) < 0.97


def test_held_out_scores_are_honest():
    """With as many representations as samples to fit, noise explains all of them in the sample and nothing outside."""
    z, h = Z[:120], np.random.default_rng(3).normal(size=(120, 50))
    assert r2(z, h) < 0 < 0.3 < r2(z, h, in_sample=True)


def test_against_scikit_learn():
    h = ROTATED + 0.3 * OTHER
    model = LinearRegression().fit(h[: N // 2], Z[: N // 2])
    expected = r2_score(Z[N // 2 :], model.predict(h[N // 2 :]), multioutput="raw_values")
    np.testing.assert_allclose(r2_each(Z, h), expected, rtol=1e-9)
    model = LinearRegression().fit(h, Z)
    assert r2(Z, h, in_sample=True) == pytest.approx(r2_score(Z, model.predict(h)))
    information, entropy = mutual_information(Z, h)

    def cut(x):
        return np.digitize(x, np.linspace(x.min(), x.max(), 21)[1:-1])

    for i in range(4):
        assert entropy[i] == pytest.approx(mutual_info_score(cut(Z[:, i]), cut(Z[:, i])))
        for j in range(4):
            assert information[i, j] == pytest.approx(mutual_info_score(cut(Z[:, i]), cut(h[:, j])))


def test_assignment_is_one_to_one():
    """Both latents are most like the first representation, but one of them has to take the second."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, N))
    z = np.column_stack([a, a + 0.5 * b])
    h = np.column_stack([a + 0.1 * b, b])
    size = np.abs(np.corrcoef(z.T, h.T)[:2, 2:])
    assert size.argmax(1).tolist() == [0, 0]
    assert mcc(z, h) == pytest.approx(max(size[0, 0] + size[1, 1], size[0, 1] + size[1, 0]) / 2)


def test_sizes_that_differ():
    assert mcc_each(Z, MAPPED[:, :3]).tolist() == pytest.approx([1, 0, 1, 1])  # the one left over counts 0
    assert mcc(Z, np.column_stack([OTHER, MAPPED])) == pytest.approx(1)
    constant = np.column_stack([MAPPED, np.ones(N)])
    assert mcc(Z, constant) == pytest.approx(1) and np.isfinite(list(all_scores(Z, constant).values())).all()


def test_dci_by_hand():
    """Two representations for two latents, weights [[3, 1], [0, 2]]: shares .75/.25 and 0/1; 1/0 and 1/3, 2/3."""
    def certainty(*p):
        return 1 + sum(x * np.log2(x) for x in p)

    d, c, _ = dci(Z[:, :2], Z[:, :2], np.array([[3.0, 1.0], [0.0, 2.0]]))
    assert d == pytest.approx((4 * certainty(0.75, 0.25) + 2) / 6)
    assert c == pytest.approx((3 + 3 * certainty(1 / 3, 2 / 3)) / 6)


def test_what_cannot_be():
    with pytest.raises(UserError, match="do not match in number"):
        r2(Z, OTHER[:-1])
    with pytest.raises(UserError, match="latent 1 is the same in all"):
        r2(Z * [1, 0, 1, 1], OTHER)
    for score in (r2, mcc, mig):
        with pytest.raises(UserError, match="too few"):
            score(Z[:2], OTHER[:2])


def test_against_disent():
    """Where `pip install disent` (0.8) is there: its DCI of given importances, and its SAP."""
    theirs, sap_of = pytest.importorskip("disent.metrics._dci"), pytest.importorskip("disent.metrics._sap")
    weights = np.random.default_rng(5).gamma(1.0, size=(5, 4))
    ours = dci(Z, ROTATED, weights)
    assert ours[0] == pytest.approx(theirs._disentanglement(weights), abs=1e-6)
    assert ours[1] == pytest.approx(theirs._completeness(weights), abs=1e-6)
    table = sap_of._compute_score_matrix(ROTATED.T, Z.T, ROTATED.T, Z.T, continuous_factors=True)
    assert sap(Z, ROTATED) == pytest.approx(sap_of._compute_avg_diff_top_two(table), rel=1e-6)
