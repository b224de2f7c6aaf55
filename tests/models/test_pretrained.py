"""Weights of torchvision: the published ones or none, and never code."""

import hashlib
import io
import os
from pathlib import Path

import pytest
import torch
import torchvision

from models import Pretrained
from tests.files import Bomb, user_error

WEIGHTS = torchvision.models.ResNet18_Weights.DEFAULT


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Where torch keeps what it downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "torch/hub/checkpoints").mkdir(parents=True)
    return tmp_path / "torch/hub/checkpoints"


@pytest.fixture
def publish(cache, monkeypatch):
    """Puts an object in the cache as if it were what torchvision publishes of ResNet-18; returns the file."""
    def call(value: object) -> Path:
        file = io.BytesIO()
        torch.save(value, file)
        name = f"resnet18-{hashlib.sha256(file.getvalue()).hexdigest()[:8]}.pth"
        monkeypatch.setattr(WEIGHTS.value, "url", f"https://download.pytorch.org/models/{name}")
        (cache / name).write_bytes(file.getvalue())
        return cache / name

    return call


def test_the_published_file_is_taken(publish):
    state = torchvision.models.resnet18().state_dict()
    publish(state)
    before = dict(os.environ)
    model = Pretrained("resnet18")
    assert torch.equal(model.model.conv1.weight, state["conv1.weight"]) and not model.training
    assert dict(os.environ) == before


@pytest.mark.parametrize("kind", ["code", "other weights", "a file cut short", "a page"])
def test_what_lies_in_its_place_is_refused(cache, tmp_path, kind):
    file = cache / Path(WEIGHTS.url).name
    torch.save(Bomb(tmp_path / "mark") if kind == "code" else torchvision.models.resnet18().state_dict(), file)
    if kind == "a file cut short":
        os.truncate(file, 1000)
    elif kind == "a page":
        file.write_text("<html>log in</html>")
    user_error(f"^{file} is damaged or not the file.*delete it", Pretrained, "resnet18")
    assert not (tmp_path / "mark").exists() and file.exists()


def test_code_is_not_run_under_a_hash_that_fits_either(publish, tmp_path):
    """Eight digits of a hash can be forged."""
    file = publish({"conv1.weight": Bomb(tmp_path / "mark")})
    user_error(f"cannot be had from .*delete {file}", Pretrained, "resnet18")
    assert not (tmp_path / "mark").exists()


def test_every_name_of_torchvision_holds_a_hash():
    for name in torchvision.models.list_models(module=torchvision.models):
        url = torchvision.models.get_model_weights(name).DEFAULT.url
        assert len(torch.hub.HASH_REGEX.search(Path(url).name)[1]) >= 8


def test_inception_gives_features_in_training_too(monkeypatch):
    inception = torchvision.models.inception_v3(init_weights=False)
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: inception)
    assert Pretrained("inception_v3").train()(torch.zeros(2, 3, 80, 80)).shape == (2, 2048)
