import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn import linear_model
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from linear_eval.probes.cached import BOUND, LogisticRegression, Standardise, best, choose_l2, fit_probe, split_held_out
from tests.files import user_error


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
    regression = LogisticRegression(Standardise.of(x)(x), y, 4)
    weight, bias = regression.fit(l2)
    weight, bias = (weight @ regression.axes.T).double().numpy(), bias.double().numpy()
    z = StandardScaler().fit_transform(x.double().numpy())
    reference = linear_model.LogisticRegression(C=1 / (l2 * len(x)), tol=1e-9, max_iter=20_000).fit(z, y.numpy())

    def objective(weight: np.ndarray, bias: np.ndarray) -> float:
        likelihood = log_softmax(z @ weight.T + bias, axis=1)[np.arange(len(z)), y]
        return -likelihood.mean() + l2 / 2 * (weight**2).sum()

    assert objective(weight, bias) == pytest.approx(objective(reference.coef_, reference.intercept_), rel=1e-4)
    assert (reference.predict(z) == (z @ weight.T + bias).argmax(1)).mean() > 0.99


def test_more_features_than_images_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    x, y = random.normal(0, 1, (60, 200)), random.integers(0, 3, 60)
    regression = LogisticRegression(torch.from_numpy(x).float(), torch.from_numpy(y), 3)
    weight = regression.fit(0.1)[0] @ regression.axes.T
    reference = linear_model.LogisticRegression(C=1 / (0.1 * 60), tol=1e-9, max_iter=20_000).fit(x, y)
    np.testing.assert_allclose(weight, reference.coef_, atol=2e-3)


def test_warm_and_cold_starts_meet():
    x, y = planted(300)
    regression = LogisticRegression(Standardise.of(x)(x), y, 4)
    warm = None
    for l2 in (1.0, 0.1, 0.01):
        warm = regression.fit(l2, warm)
    losses = [regression.objective(*solution, 0.01).item() for solution in (warm, regression.fit(0.01))]
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


def test_useless_features_get_strong_regularisation():
    random = np.random.default_rng(4)
    x = torch.from_numpy(random.normal(0, 1, (300, 50))).float()
    rare = torch.zeros(300, dtype=torch.int64)
    rare[:60] = 1 + torch.arange(60) % 2  # to say "class 0" is right for four of five, and nothing tells the others
    probe = fit_probe(x, rare, 3, seed=0)
    assert probe.l2 >= 10 and probe.at_the_edge


def test_what_is_rare_but_clear_gets_weak_regularisation():
    """A class of 20 images in 400, marked by a direction of its own, is told from the rest only by large weights."""
    random = np.random.default_rng(4)
    x, y = random.normal(0, 1, (400, 20)), np.repeat([0, 1], [380, 20])
    x[y == 1, 3] += 8
    probe = fit_probe(torch.from_numpy(x).float(), torch.from_numpy(y), 2, seed=0)
    assert probe.l2 < 0.5 and not probe.at_the_edge


def test_choice_is_best_of_its_path_and_depends_on_seed_alone():
    x, y = planted(200, noise=6.0)
    probe, again, other = fit_probe(x, y, 4, seed=0), fit_probe(x, y, 4, seed=0), fit_probe(x, y, 4, seed=1)
    assert torch.equal(probe.weight, again.weight) and probe.path == again.path != other.path
    tried = [step["l2"] for step in probe.path]
    assert tried == sorted(tried, reverse=True) and max(tried) >= 10 and min(tried) <= 1e-5  # no stop on the way


@pytest.mark.parametrize(("accuracy", "chosen"), [
    (dict.fromkeys([1, 0, -1, -2, -3], 100.0), -1), ({1: 40.0, 0: 100.0, -1: 100.0, -2: 100.0, -3: 40.0}, -1),
    ({1: 40.0, 0.5: 62.5, 0: 52.0, -0.5: 60.0, -1: 62.0, -1.5: 60.0, -2: 55.0, -2.5: 50.0}, -1),  # not by luck
    ({1: 50.0, 0: 40.0, -1: 30.0}, 1), ({1: 30.0, 0: 40.0, -1: 50.0}, -1)])  # what rises to an end
def test_the_middle_of_what_is_best_is_chosen(accuracy, chosen):
    assert best(accuracy) == chosen


def test_choice_is_that_of_scikit_learns_grid_search():
    x, y = planted(500, noise=6.0)
    accuracy = choose_l2(x, y, 4, seed=0)
    fit, held_out = split_held_out(y.numpy(), 0)
    fold = np.full(len(x), -1)
    fold[held_out] = 0
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(np.clip, kw_args={"a_min": -BOUND, "a_max": BOUND}),
                             linear_model.LogisticRegression(tol=1e-6, max_iter=20_000))
    grid = {"logisticregression__C": [1 / (10.0**exponent * len(fit)) for exponent in accuracy]}
    search = GridSearchCV(pipeline, grid, cv=PredefinedSplit(fold), refit=False).fit(x.double().numpy(), y.numpy())
    image = 100 / len(held_out)  # rounding may turn one or two
    np.testing.assert_allclose(list(accuracy.values()), 100 * search.cv_results_["mean_test_score"], atol=2.5 * image)
    assert max(accuracy.values()) > 100 * search.best_score_ - 2.5 * image


@pytest.mark.parametrize("seed", range(30))
def test_nearly_dead_columns_cost_less_than_a_point(seed):
    """Twelve columns, each active in two images of a thousand and by amounts that differ a thousandfold."""
    random = np.random.default_rng(seed)
    means, y = random.normal(0, 1, (10, 30)), random.integers(0, 10, 6000)
    clean = means[y] + 2 * random.normal(0, 1, (6000, 30))
    dead = (random.random((6000, 12)) < 0.002) * 10 ** random.uniform(-3, 0, (6000, 12))
    x, y = torch.from_numpy(np.hstack([clean, dead])).float(), torch.from_numpy(y)

    def accuracy(columns: int) -> float:
        probe = fit_probe(x[:1000, :columns], y[:1000], 10, seed)
        return 100 * (probe.predict(x[1000:, :columns]) == y[1000:]).double().mean().item()

    assert accuracy(42) > accuracy(30) - 1


def test_held_out_takes_a_fifth_of_every_class():
    labels = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    fit, held_out = split_held_out(labels, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([fit, held_out])), np.arange(63))
    assert np.bincount(labels[held_out], minlength=4).tolist() == [10, 2, 1, 0]
    assert not np.array_equal(held_out, split_held_out(labels, seed=1)[1])


def test_one_image_a_class_leaves_nothing_to_choose_on():
    user_error("at least one class", lambda: fit_probe(torch.randn(3, 5), torch.arange(3), 3, seed=0))
