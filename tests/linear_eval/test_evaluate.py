import dataclasses

import numpy as np
import pytest
import torch

from linear_eval import task as tasks
from linear_eval.evaluate import evaluate, identity
from linear_eval.features.baselines import mean_colours
from linear_eval.features.rows import baseline_row, random_row
from linear_eval.probes import protocols
from linear_eval.task import balanced_order
from tests.files import user_error

CPU = torch.device("cpu")


def test_accuracy_is_over_exactly_the_validation_set(task):
    """One wrong label in twelve costs one image in twelve: every validation image counts, and counts once."""
    row = baseline_row("mean colours")
    right = evaluate(task, row, device=CPU)[0]
    assert right["correct"] == 12 and right["accuracy"] == 100 and right["standard_error"] == 0
    assert right["counts"] == {"train": 24, "train_available": 24, "val": 12, "classes": 3}
    task.val.labels[5] = (task.val.labels[5] + 1) % 3
    wrong = evaluate(task, row, device=CPU)[0]
    assert wrong["correct"] == 11 and wrong["accuracy"] == pytest.approx(100 * 11 / 12, abs=1e-4)
    assert wrong["standard_error"] == pytest.approx(100 * (11 / 12 * 1 / 12 / 12) ** 0.5, abs=1e-4)


def test_nothing_is_chosen_on_the_validation_set(task):
    """Other validation labels and images change the accuracy and nothing else about the probe."""
    row = random_row(0, CPU, width=0.05)
    before = evaluate(task, row, device=CPU)[0]
    task.val.labels = np.roll(task.val.labels, 4)
    task.val._pixels[:] = 255 - task.val._pixels
    after = evaluate(task, row, device=CPU)[0]
    assert after["accuracy"] != before["accuracy"] and after["probe"] == before["probe"]


def test_several_limits_equal_one_at_a_time(task):
    row = baseline_row("mean colours")  # an encoder rounds differently in a batch of another size
    together = evaluate(task, row, device=CPU, train_limits=[6, 12, None])
    for limit, result in zip([6, 12, None], together, strict=True):
        assert result == evaluate(task, row, device=CPU, train_limits=[limit])[0]
    assert [result["counts"]["train"] for result in together] == [6, 12, 24]


def test_images_are_decoded_once_and_only_when_needed(task, monkeypatch):
    decoded = []
    original = tasks.decode
    monkeypatch.setattr(tasks, "decode", lambda paths, view: decoded.extend(paths) or original(paths, view))
    evaluate(task, baseline_row("mean colours"), device=CPU, train_limits=[6])
    assert len(decoded) == 12 + 6
    for name in ("mean colours", "colour histogram"):
        evaluate(task, baseline_row(name), device=CPU)
    assert sorted(decoded) == sorted(task.train.paths + task.val.paths)


@pytest.mark.parametrize("protocol", ["cached", "paper", "knn"])
def test_the_probe_sees_only_the_limited_training_images(task, protocol, monkeypatch):
    """Ruin the labels of every image outside the limit: nothing changes."""
    monkeypatch.setattr(protocols, "default_workers", lambda: 0)  # no worker processes for a dozen images
    row = baseline_row("mean colours")
    before = evaluate(task, row, device=CPU, protocol=protocol, train_limits=[9], seed=3)[0]
    chosen = balanced_order(task.train.labels, 3)[:9]
    monkeypatch.setattr(tasks, "balanced_order", lambda labels, seed: np.r_[chosen, chosen])
    task.train.labels[np.setdiff1d(np.arange(24), chosen)] = 0
    assert evaluate(task, row, device=CPU, protocol=protocol, train_limits=[9], seed=3)[0] == before


def test_result_has_no_path_or_host_name(task, folder):
    import json
    import platform

    text = json.dumps(evaluate(task, random_row(0, CPU, width=0.05), device=CPU)[0])
    assert str(folder.parent) not in text and platform.node() not in text


def test_limits_that_cannot_be(task):
    row = baseline_row("mean colours")
    user_error("more than the 24", identity, task, row, "cached", 25, 0)
    user_error("3 classes", identity, task, row, "cached", 2, 0)


def test_a_row_can_be_any_function(task):
    """A user's own features need no class of ours."""
    row = dataclasses.replace(baseline_row("mean colours"), name="my colours", features=lambda x: mean_colours(x) * 2)
    assert evaluate(task, row, device=CPU)[0]["encoder"] == "my colours"


def test_a_choice_at_the_edge_is_warned_of(task, capsys):
    evaluate(task, baseline_row("mean colours"), device=CPU)
    assert "warning" not in capsys.readouterr().err
    task.train.labels = np.array([0] * 20 + [1, 1, 2, 2])[np.random.default_rng(0).permutation(24)]
    evaluate(task, baseline_row("mean colours"), device=CPU)
    assert "warning: mean colours, 24 training images: no L2 weight did better than" in capsys.readouterr().err


def test_a_long_fit_goes_on_from_a_file_of_its_own(task, tmp_path, monkeypatch):
    """The same for the same command; another seed or number of images has another. The images are looked at once."""
    states, decoded = [], []
    monkeypatch.setattr(protocols, "decode", decoded.append)
    monkeypatch.setattr(protocols.paper, "train_linear",
                        lambda *_, state, **__: states.append(state) or torch.nn.Linear(3, 3))
    for seed, limit, cache in ((0, None, tmp_path), (0, None, tmp_path), (1, None, tmp_path), (0, 6, tmp_path),
                               (0, None, None)):
        evaluate(task, baseline_row("mean colours"), device=CPU, protocol="paper", seed=seed, train_limits=[limit],
                 cache=cache)
        states[0].touch()
    assert states[0] == states[1] and states[0].parent == tmp_path and len(set(states)) == 4 and states[4] is None
    assert len(decoded) == 4
