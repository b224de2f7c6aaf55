"""Precision, recall, density, coverage and duplicates: known answers, plain loops, and the package prdc."""

import numpy as np
import pytest

from analysis.measures.neighbours import density_coverage, distances, duplicates, precision_recall, radii


def normal(count: int, shift: float = 0, seed: int = 0, dimensions: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, dimensions)).astype(np.float32)


def test_distances_and_radii():
    a, b = normal(5), normal(7, seed=1)
    expected = [[np.linalg.norm(x - y) for y in b] for x in a]
    assert distances(a, b) == pytest.approx(np.array(expected), abs=1e-4)
    among = np.sort([[np.linalg.norm(x - y) for y in b] for x in b], axis=1)
    assert radii(b, 2) == pytest.approx(among[:, 2], abs=1e-4)


def test_prdc_agrees():
    prdc = pytest.importorskip("prdc", reason="pip install --no-deps prdc")
    fake, real = normal(60, 0.7, seed=1), normal(80)
    expected = prdc.compute_prdc(real_features=real, fake_features=fake, nearest_k=5)
    precision, recall = precision_recall(fake, real, 5)
    density, coverage = density_coverage(fake, real, 5)
    found = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
    assert {name: rows.mean() for name, rows in found.items()} == pytest.approx(expected)


def test_known_answers():
    real = normal(200)
    assert [rows.mean() for rows in precision_recall(real, real)] == [1, 1]
    assert density_coverage(real, real)[1].all()
    far = normal(200, 50)
    assert [rows.mean() for rows in precision_recall(far, real) + density_coverage(far, real)] == [0, 0, 0, 0]
    one = np.repeat(real.mean(0, keepdims=True), 200, axis=0)  # realistic and without any variety
    precision, recall = precision_recall(one, real)
    assert precision.all() and recall.mean() < 0.02
    density, _ = density_coverage(normal(2000, seed=1), normal(2000, seed=2))
    assert density.mean() == pytest.approx(1, abs=0.15)  # the same law, sampling error of both sets


def test_duplicates():
    images = np.random.default_rng(0).integers(10, 246, (60, 20, 20, 3), dtype=np.uint8)
    assert not duplicates(images).any()
    images[7] = images[3]
    images[9] = images[4] + np.random.default_rng(1).integers(-1, 2, (20, 20, 3)).astype(np.uint8)  # as JPEG differs
    images[11] = images[5] + 5  # another brightness is another image
    assert np.flatnonzero(duplicates(images)).tolist() == [3, 4, 7, 9]
    assert duplicates(np.repeat(images[:1], 50, axis=0)).all()
