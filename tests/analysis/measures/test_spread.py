"""Fréchet distance, log-volume and effective rank: formulas, known answers, torch-fidelity, and their intervals."""

import numpy as np
import pytest
from scipy import linalg

from analysis.measures import interval
from analysis.measures.spread import Gaussian, effective_rank, frechet_distance, log_volume

ROTATION = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]


def sample(count: int, shift: float = 0, seed: int = 0, scale: float = 1) -> np.ndarray:
    """Of a Gaussian whose axes have the deviations 1 .. 6 times `scale`, turned; the first mean moved by `shift`."""
    x = np.random.default_rng(seed).normal(size=(count, 6)) * np.arange(1, 7) * scale @ ROTATION
    x[:, 0] += shift
    return x.astype(np.float32)


def test_frechet_by_the_formula():
    a, b = sample(300, 2, scale=1.5), sample(200, seed=1)
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert frechet_distance(Gaussian(a), Gaussian(b)).value == pytest.approx(expected, rel=1e-5)


def test_torch_fidelity_agrees():
    fid = pytest.importorskip("torch_fidelity.metric_fid", reason="pip install --no-deps torch-fidelity")
    a, b = sample(300, 2, scale=1.5).astype(float), sample(200, seed=1).astype(float)
    statistics = [{"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)} for x in (a, b)]
    expected = fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(Gaussian(a), Gaussian(b)).value == pytest.approx(expected, rel=1e-5)


def test_known_distances():
    real = Gaussian(sample(500))
    assert frechet_distance(real, real).value == pytest.approx(0, abs=1e-6)
    assert frechet_distance(Gaussian(sample(500, 3)), real).value == pytest.approx(9, rel=1e-4)  # the same, shifted
    one = np.repeat(sample(1), 500, axis=0)  # a repeated image: its distance is that of its mean, and all variance
    expected = np.square(one[0] - real.mean).sum() + np.trace(real.covariance)
    assert frechet_distance(Gaussian(one), real).value == pytest.approx(expected, rel=1e-4)


def test_known_volume_and_rank():
    x = sample(400)
    covariance = np.cov(x.T)
    expected = 0.5 * np.linalg.slogdet(np.eye(6) + covariance / 2.5)[1]
    assert log_volume(Gaussian(x), 2.5).value == pytest.approx(expected, rel=1e-5)
    share = np.linalg.eigvalsh(covariance) / np.trace(covariance)
    assert effective_rank(Gaussian(x)).value == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-5)
    one = Gaussian(np.repeat(x[:1], 60, axis=0))
    assert log_volume(one, 2.5).value == pytest.approx(0, abs=1e-6)
    assert effective_rank(one) == (1, 1, 1)
    few = Gaussian(sample(4))  # fewer images than features
    assert effective_rank(few).value <= 3 and np.isfinite(frechet_distance(few, Gaussian(x))).all()


@pytest.mark.parametrize("measure", [lambda g: frechet_distance(g, Gaussian(sample(2000, 3, seed=9))),
                                     lambda g: log_volume(g, 2.5), effective_rank])
def test_intervals_are_those_of_a_bootstrap(measure, monkeypatch):
    """Their width, against 400 resamples computed whole: their ends have a standard error of some 6 %."""
    x = sample(800, 1)
    rng = np.random.default_rng(0)
    found = measure(Gaussian(x))
    monkeypatch.setattr(interval, "RESAMPLES", 1)  # of no use here
    resampled = [measure(Gaussian(x[rng.integers(len(x), size=len(x))])).value for _ in range(400)]
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(np.diff(np.quantile(resampled, (0.025, 0.975)))[0], rel=0.25)
