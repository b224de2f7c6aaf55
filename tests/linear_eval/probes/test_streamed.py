"""The streamed probe against the one in memory."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from linear_eval.probes import protocols, streamed
from linear_eval.probes.cached import LogisticRegression, Standardise, fit_probe
from linear_eval.probes.streamed import Rows, StreamedRegression, fit_streamed
from tests.linear_eval.probes.test_cached import planted


@pytest.fixture
def parts(monkeypatch):
    """Parts of 64 rows."""
    monkeypatch.setattr(streamed, "PART", 64)
    monkeypatch.setattr("linear_eval.probes.cached.PART", 64)


@pytest.mark.parametrize("l2", [1.0, 1e-3])
def test_value_and_gradient_are_those_of_the_whole(parts, l2):
    x, y = planted(300)
    standardise = Standardise.of(x)
    whole = LogisticRegression(standardise(x), y, 4)
    ours = StreamedRegression(Rows(x, x.device), standardise, y, 4)
    weight, bias = torch.randn(4, 30) @ ours.axes, torch.randn(4)
    values, gradients = [], []
    for regression in (whole, ours):
        w, b = (weight @ ours.axes.T @ regression.axes).requires_grad_(), bias.clone().requires_grad_()
        values.append(regression.objective(w, b, l2))
        values[-1].backward()
        gradients.append((w.grad @ regression.axes.T, b.grad))
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=0)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_probe_is_that_of_the_whole(parts, tmp_path):
    """From a memory map, with the same choice of λ."""
    x, y = planted(400, noise=3.0)
    np.save(tmp_path / "x.npy", x.numpy())
    kept = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="c"))
    ours, whole = fit_streamed(kept, y, 4, seed=0), fit_probe(x, y, 4, seed=0)
    assert ours.l2 == whole.l2 and len(ours.path) == len(whole.path)
    assert (ours.predict(x) == whole.predict(x)).double().mean() > 0.99
    torch.testing.assert_close(ours.weight, whole.weight, rtol=0, atol=2e-2 * float(whole.weight.abs().max()))


def test_large_features_are_streamed(monkeypatch):
    """By protocol `cached`, with the same answers."""
    x, y = planted(200)
    problem = protocols.Problem(SimpleNamespace(name="planted"), [], y, 4, lambda: x, 0, x.device)
    small, _ = protocols.PROTOCOLS["cached"].fit(problem)
    called = []
    monkeypatch.setattr(protocols, "LARGE", 1000)
    monkeypatch.setattr(protocols, "fit_streamed", lambda *data: called.append(1) or fit_streamed(*data))
    large, _ = protocols.PROTOCOLS["cached"].fit(problem)
    assert called and (large(x) == small(x)).double().mean() > 0.99
