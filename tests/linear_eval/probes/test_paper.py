import numpy as np
import pytest
import torch
from torch import nn

from linear_eval.features.baselines import mean_colours, raw_pixels
from linear_eval.features.frozen import encoder_features
from linear_eval.probes import paper
from linear_eval.probes.moco import MOCO
from linear_eval.probes.paper import PAPER, RandomViews, fit_linear, train_linear
from models import random_encoder
from tests.files import user_error

CPU = torch.device("cpu")


def test_uses_the_papers_settings(task, monkeypatch):
    """What reaches Adam, its schedule, the loader and the crop is what the paper states."""
    used = {}

    class Adam(torch.optim.Adam):
        def __init__(self, parameters, **settings):
            used.update(settings)
            super().__init__(parameters, **settings)

        def step(self, closure=None):
            used.setdefault("rates", []).append(round(self.param_groups[0]["lr"], 10))
            return super().step(closure)

    class Loader(paper.DataLoader):
        def __init__(self, dataset, batch_size, **settings):
            used["batch_size"] = batch_size
            super().__init__(dataset, batch_size, **settings)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    monkeypatch.setattr(paper, "DataLoader", Loader)
    paths, labels = task.train.paths[::8], task.train.labels[::8]
    train_linear(mean_colours, paths, labels, 3, seed=0, device=CPU)
    assert (used["lr"], used["betas"], used["batch_size"]) == (1e-3, (0.5, 0.999), 128)
    assert used["rates"] == [1e-3] * 60 + [2e-4] * 20 + [4e-5] * 20
    crop, flip = paper.random_crops(PAPER.size).transforms
    assert (crop.size, crop.scale, flip.p) == ((64, 64), (0.08, 1), 0.5)


def test_views_are_functions_of_seed_and_item(task):
    views = [RandomViews(task.train.paths, task.train.labels, seed) for seed in (0, 0, 1)]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    image, label = views[0][3]
    assert torch.equal(torch.get_rng_state(), state)
    assert image.dtype == torch.uint8 and image.shape == (64, 64, 3) and label == task.train.labels[3]
    torch.manual_seed(6)
    assert torch.equal(image, views[1][3][0]) and not torch.equal(image, views[2][3][0])
    assert not torch.equal(image, views[0][3 + len(task.train.paths)][0])  # the next epoch's view


def test_learns(task):
    linear = train_linear(raw_pixels, task.train.paths, task.train.labels, 3, seed=0, device=CPU, epochs=30)
    predicted = linear(raw_pixels(torch.from_numpy(task.val.images()))).argmax(1)
    assert (predicted.numpy() == task.val.labels).mean() > 0.9


def test_is_a_function_of_its_seed_and_leaves_the_encoder_alone(task):
    model = random_encoder(0, width=0.05)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    probes = [train_linear(encoder_features(model, "fc6"), task.train.paths, task.train.labels, 3, seed, CPU, epochs=1)
              for seed in (0, 0, 1)]
    assert torch.equal(probes[0].weight, probes[1].weight) and not torch.equal(probes[0].weight, probes[2].weight)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_non_finite_loss_stops(task):
    def broken(images: torch.Tensor) -> torch.Tensor:
        return mean_colours(images) * np.inf

    user_error("not finite", train_linear, broken, task.train.paths, task.train.labels, 3, seed=0, device=CPU, epochs=1)


def test_every_image_is_seen_once_an_epoch(task, monkeypatch):
    seen = []
    original = RandomViews.__getitem__
    monkeypatch.setattr(RandomViews, "__getitem__", lambda self, item: seen.append(item) or original(self, item))
    assert isinstance(train_linear(mean_colours, task.train.paths, task.train.labels, 3, 0, CPU, epochs=2), nn.Linear)
    n = len(task.train.paths)
    assert sorted(seen[1:]) == list(range(2 * n))  # the first look only measures the features' size
    assert seen[1 : n + 1] != sorted(seen[1 : n + 1])


@pytest.mark.parametrize("recipe", [PAPER, MOCO])
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch, recipe):
    """Stopped before and after each change of the rate, at epochs 3 and 4 of 5."""
    monkeypatch.setattr(paper, "SAVE_EVERY", 0)
    seen, x = [], torch.randn(5, 6, 8, generator=torch.Generator().manual_seed(0))

    def fit(state=None, last=5):
        def batches(epoch):
            if epoch == last:
                raise KeyboardInterrupt
            seen.append(epoch)
            return [(x[epoch], torch.arange(6) % 3), (-x[epoch], torch.arange(6) % 2)]

        return fit_linear(batches, 8, 3, 0, CPU, 5, recipe, state)

    state, whole = tmp_path / "kept/state.pth", fit()
    seen.clear()
    for last in (0, 2, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            fit(state, last)
    for _ in range(2):  # the second time there is nothing left to do
        assert torch.equal(fit(state).weight, whole.weight) and seen == [0, 1, 2, 3, 4]


def test_a_short_fit_leaves_no_file(task, tmp_path):
    state = tmp_path / "state.pth"
    train_linear(mean_colours, task.train.paths, task.train.labels, 3, 0, CPU, epochs=1, state=state)
    assert not state.exists()
