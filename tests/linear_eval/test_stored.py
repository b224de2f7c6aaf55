"""Probes on stored examples: the same protocols, other data."""

import json
import sys

import numpy as np
import pytest
import torch

from datasets.examples.store import Example, load_examples, write_examples
from linear_eval import compare
from linear_eval.__main__ import main
from linear_eval.evaluate import evaluate, identity
from linear_eval.features.baselines import mean_spectrum, raw_values
from linear_eval.features.extract import extract
from linear_eval.features.frozen import encoder_features
from linear_eval.features.rows import baseline_row, network_row, random_row
from linear_eval.task import load_task, number_or_share
from models import ResNet18, SmallAlexNet, save_encoder
from tests.files import user_error

CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path):
    """Two channels of 8×8: the word lifts a row of the first, the voice all of the second."""
    words, voices = ("no", "up", "yes"), ("ann", "bob")
    listed = [Example(f"{w}-{v}-{k}", "train" if k < 6 else "test", (words[w], voices[v]))
              for w in range(3) for v in range(2) for k in range(9)]

    def compute(part):
        x = torch.from_numpy(np.random.default_rng(0).normal(size=(len(part), 2, 8, 8))).float()
        for each, example in zip(x, part, strict=True):
            each[0, 2 * int(example.file[0])] += 3
            each[1] += 4 * int(example.file[2])
        return x

    write_examples(tmp_path / "data", "words", "sound", "a test", ("word", "voice"), listed, compute)
    return tmp_path / "data"


@pytest.mark.parametrize("protocol", ["cached", "knn"])
@pytest.mark.parametrize(("labels", "classes"), [("word", 3), ("voice", 2)])
def test_each_of_the_labels_can_be_probed(data, protocol, labels, classes):
    task = load_task(data, labels=labels)
    result, = evaluate(task, baseline_row("mean spectrum"), device=CPU, protocol=protocol)
    assert result["task"] == f"words-{labels}" and result["view"] == "as stored" and result["accuracy"] > 90
    assert result["counts"] == {"train": 36, "train_available": 36, "val": 18, "classes": classes}
    assert load_task(data).name == "words-word"


def test_shares_of_the_labels_and_one_subject(data):
    task = load_task(data, labels="word")
    assert (task.limit(None), task.limit(7), task.limit("50%"), task.limit("1%")) == (None, 7, 18, 3)
    assert number_or_share("12") == 12 and number_or_share("12%") == "12%"
    alone = load_task(data, labels="word", only="voice=bob")
    assert alone.name == "words-word (voice=bob)" and len(alone.train) == 18 and len(alone.val) == 18
    assert set(alone.train.examples.table["voice"][alone.train.rows]) == {"bob"}
    assert alone.sha256 != task.sha256
    for only in ("voice=eve", "bob", "start=0"):
        user_error(f"has {only}; the columns are word, voice", load_task, data, only=only)
    user_error("have one class or none", load_task, data, labels="voice", only="voice=bob")


def test_subjects_that_are_in_one_split_only_are_no_task(tmp_path):
    listed = [Example(f"{k}", "test" if k > 5 else "train", (("up", "no")[k % 2], f"subject{k // 2}"))
              for k in range(8)]
    write_examples(tmp_path / "data", "gait", "sensors", "a test", ("class", "subject"), listed,
                   lambda part: torch.zeros(len(part), 2, 8, 8))
    assert load_task(tmp_path / "data").classes == ["no", "up"]
    user_error("no class of gait-subject is both trained on and measured", load_task, tmp_path / "data",
               labels="subject")


def test_features_of_an_encoder_are_kept_and_taken_at_any_layer(data, tmp_path):
    task = load_task(data)
    model = ResNet18(channels=2, width=0.125).initialize(0).eval()
    for layer, dimensions in (("avgpool", 64), ("layer4:flat", 64), ("layer3:flat", 32 * 4), ("layer3", 32)):
        row = network_row("mine", model, CPU, layer, "float32", kind="encoder")
        features = extract(row, task.val, CPU, cache=tmp_path / "features")
        assert features.shape == (18, dimensions)
        assert torch.equal(features, extract(row, task.val, CPU, cache=tmp_path / "features"))
    with torch.no_grad():
        whole = model(torch.from_numpy(task.val.images()), 3)
    torch.testing.assert_close(features, whole.mean((2, 3)))
    user_error("no layer 'layer9:flat'; choose one of stem", encoder_features, model, "layer9:flat")


@pytest.mark.parametrize("protocol", ["cached", "knn"])
def test_frozen_means_frozen(data, protocol):
    """A probe changes neither weights nor running statistics, also of a network that something left in training."""
    model = ResNet18(channels=2, width=0.125).initialize(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    row = network_row("mine", model, CPU, None, "float32", kind="encoder")
    task = load_task(data)
    first, = evaluate(task, row, device=CPU, protocol=protocol)
    model.train()
    assert evaluate(task, row, device=CPU, protocol=protocol)[0] == first
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_frozen_means_frozen_of_images_too(task):
    model = SmallAlexNet(0.05).initialize(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    evaluate(task, network_row("mine", model.train(), CPU, None, "float32", kind="encoder"), device=CPU, protocol="knn")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_baselines_of_arrays():
    x = torch.arange(32.0).view(1, 2, 4, 4)
    assert raw_values(x).tolist() == [[2.5, 4.5, 10.5, 12.5, 18.5, 20.5, 26.5, 28.5]]
    assert mean_spectrum(x).tolist() == [[1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]]


def test_what_does_not_fit(data, folder):
    task, photos = load_task(data), load_task(folder)

    def known(task, row, protocol="cached"):
        return identity(task, row, protocol, None, 0)

    user_error("raw pixels are of images; the baselines of stored examples are raw values", known, task,
               baseline_row("raw pixels"))
    user_error("takes inputs of 3 channels, and those of .* have 2", known, task, random_row(0, CPU, width=0.125))
    user_error("protocol paper is for images", known, task, baseline_row("raw values"), "paper")
    for row in (baseline_row("raw values"), random_row(0, CPU, None, 0.125, "ResNet18", channels=2)):
        user_error("not made for images, which have 3 channels", known, photos, row)
    user_error("--labels and --only are for stored examples", load_task, folder, labels="word")


def test_commands(data, tmp_path, end, monkeypatch):
    def call(entry, *arguments):
        monkeypatch.setattr(sys, "argv", ["linear_eval", *map(str, arguments), "--gpus"])
        code, out, err = end(entry)
        assert code == 0, err
        return out

    call(main, "--data", data, "--labels", "voice", "--random-init", "--architecture", "ResNet18", "--width", 0.125,
         "--train-limit", "50%", "--output", tmp_path / "one.json", "--features", tmp_path / "f", "--baselines")
    result = json.loads((tmp_path / "one.json").read_text())
    assert (result["channels"], result["stem"], result["architecture"]) == (2, 3, "ResNet18")
    assert result["counts"]["train"] == 18
    assert [row["encoder"] for row in result["baselines"]] == ["raw values", "mean spectrum"]
    (tmp_path / "mine").mkdir()
    save_encoder(ResNet18(channels=2, width=0.125).initialize(1), tmp_path / "mine/encoder.pth")
    call(compare.main, "--data", data, "--encoders", tmp_path / "mine", "--random-inits", 1, "--protocol", "knn",
         "--train-limit", "50%", 36, "--output", tmp_path / "many")
    names = {path.name for path in (tmp_path / "many").glob("*.json")}
    assert names == {f"{name}-seed-0-knn-{n}.json" for n in (18, 36)
                     for name in ("mine", "raw-values", "mean-spectrum", "random-init-ResNet18-0.125")}
    assert load_examples(data).tasks == ["word", "voice"]
