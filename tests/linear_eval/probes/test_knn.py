import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from linear_eval.probes import knn
from linear_eval.probes.knn import nearest_neighbours


def clouds(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four overlapping Gaussian clouds in 12 dimensions."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    centres = np.random.default_rng(9).normal(0, 1, (4, 12))
    return torch.from_numpy(random.normal(centres[labels], 1.0).astype(np.float32)), torch.from_numpy(labels)


def test_agrees_with_scikit_learn():
    (x, y), (queries, truth) = clouds(500, 0), clouds(300, 1)
    reference = KNeighborsClassifier(20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
    expected = reference.fit(x.numpy(), y.numpy()).predict(queries.numpy())
    found = nearest_neighbours(x, y, 4, queries).numpy()
    assert (found == expected).mean() > 0.995  # two of equal votes may be read either way
    assert (found == truth.numpy()).mean() > 0.5


def test_weights_matter_and_few_images_are_enough():
    x = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    y = torch.tensor([0, 1, 1])
    query = torch.tensor([[5.0, 0.5]])  # close to the one, at an angle to the two; lengths do not count
    assert nearest_neighbours(x, y, 2, query).tolist() == [0]  # 20 neighbours of 3
    assert nearest_neighbours(x, y, 2, query, temperature=1e3).tolist() == [1]  # equal votes
    assert nearest_neighbours(x, y, 2, query, neighbours=1, temperature=1e3).tolist() == [0]


def test_parts_of_any_size_agree(monkeypatch):
    """Also parts with fewer images than there are neighbours."""
    (x, y), (queries, _) = clouds(100, 0), clouds(50, 1)
    whole = nearest_neighbours(x, y, 4, queries)
    for part, asked in ((64, 20), (13, 50)):
        monkeypatch.setattr(knn, "PART", part)
        monkeypatch.setattr(knn, "QUERIES", asked)
        assert (nearest_neighbours(x, y, 4, queries) == whole).double().mean() >= 0.98  # sums differ in the last digits
