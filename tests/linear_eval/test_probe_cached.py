import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn import linear_model
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from linear_eval.probe_cached import L2_GRID, LogisticRegression, fit_probe, split_held_out
from utils.cli import UserError


def planted(n: int, noise: float = 1.0, d: int = 30, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlated features of very different scales around class means; the first column is constant."""
    random = np.random.default_rng(0)
    means, mix, scales = random.normal(0, 1, (classes, d)), random.normal(0, 1, (d, d)), 10 ** random.uniform(-2, 2, d)
    labels = random.integers(0, classes, n)
    x = ((means[labels] + noise * random.normal(0, 1, (n, d))) @ mix + 3) * scales
    x[:, 0] = 7
    return torch.from_numpy(x).float(), torch.from_numpy(labels)


@pytest.mark.parametrize("l2", [10.0, 0.1, 1e-2, 1e-3, 1e-5])
def test_agrees_with_scikit_learn(l2):
    x, y = planted(400)
    probe = LogisticRegression(x, y, 4).fit(l2)
    scaler = StandardScaler().fit(x.double().numpy())
    z = scaler.transform(x.double().numpy())
    reference = linear_model.LogisticRegression(C=1 / (l2 * len(x)), tol=1e-9, max_iter=20_000).fit(z, y.numpy())

    def objective(weight: np.ndarray, bias: np.ndarray) -> float:
        likelihood = log_softmax(z @ weight.T + bias, axis=1)[np.arange(len(z)), y]
        return -likelihood.mean() + l2 / 2 * (weight**2).sum()

    weight = probe.weight.double().numpy() * scaler.scale_
    bias = probe.bias.double().numpy() + probe.weight.double().numpy() @ scaler.mean_
    best = objective(reference.coef_, reference.intercept_)
    assert objective(weight, bias) == pytest.approx(best, rel=1e-4)
    agree = (reference.predict(z) == probe.predict(x).numpy()).mean()
    assert agree > 0.99


def test_more_features_than_images_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    x, y = random.normal(0, 1, (60, 200)), random.integers(0, 3, 60)
    x -= x.mean(0)
    x /= x.std(0)
    probe = LogisticRegression(torch.from_numpy(x).float(), torch.from_numpy(y), 3).fit(0.1)
    reference = linear_model.LogisticRegression(C=1 / (0.1 * 60), tol=1e-9, max_iter=20_000).fit(x, y)
    np.testing.assert_allclose(probe.weight, reference.coef_, atol=2e-3)


def test_warm_and_cold_starts_meet():
    x, y = planted(300)
    warm = LogisticRegression(x, y, 4)
    for l2 in (1.0, 0.1, 0.01):
        probe = warm.fit(l2)
    cold = LogisticRegression(x, y, 4).fit(0.01)
    losses = [F.cross_entropy(F.linear(x, p.weight, p.bias), y).item() for p in (probe, cold)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_reaches_the_best_possible_accuracy():
    """Two Gaussians at distance 2: no classifier is right more often than Φ(1) = 84.13 %, and a probe gets close."""
    random = np.random.default_rng(3)
    y = random.integers(0, 2, 24_000)
    x = random.normal(0, 1, (24_000, 10))
    x[:, 4] += 2 * y
    x, y = torch.from_numpy(x).float(), torch.from_numpy(y)
    probe = fit_probe(x[:4000], y[:4000], 2, seed=0)
    accuracy = (probe.predict(x[4000:]) == y[4000:]).double().mean().item()
    assert abs(accuracy - 0.8413) < 0.012  # 4 standard errors of 20,000 trials, and what 4,000 training images cost


def test_useless_features_get_strong_regularisation_and_useful_ones_little():
    random = np.random.default_rng(4)
    y = torch.from_numpy(random.integers(0, 3, 300))
    noise = torch.from_numpy(random.normal(0, 1, (300, 50))).float()
    assert fit_probe(noise, y, 3, seed=0).l2 == max(L2_GRID)
    clear = noise.clone()
    clear[:, :3] += 20 * torch.eye(3)[y]
    assert fit_probe(clear, y, 3, seed=0).l2 < 1e-2


def test_choice_is_best_of_its_path_and_depends_on_seed_alone():
    x, y = planted(200, noise=6.0)
    probe, again, other = fit_probe(x, y, 4, seed=0), fit_probe(x, y, 4, seed=0), fit_probe(x, y, 4, seed=1)
    assert torch.equal(probe.weight, again.weight) and probe.path == again.path != other.path
    assert probe.l2 == min(probe.path, key=lambda tried: tried["cross_entropy"])["l2"]


def test_held_out_takes_a_fifth_of_every_class():
    labels = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    fit, held_out = split_held_out(labels, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([fit, held_out])), np.arange(63))
    assert np.bincount(labels[held_out], minlength=4).tolist() == [10, 2, 1, 0]
    assert not np.array_equal(held_out, split_held_out(labels, seed=1)[1])


def test_one_image_a_class_leaves_nothing_to_choose_on():
    with pytest.raises(UserError, match="at least one class"):
        fit_probe(torch.randn(3, 5), torch.arange(3), 3, seed=0)
