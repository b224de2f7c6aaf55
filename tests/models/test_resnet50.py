"""ResNet-50: torchvision's network and initialisation, and every file it can be read from."""

import math
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from models import SmallAlexNet, save_encoder
from models.resnet50 import ResNet50, load_any_encoder
from utils.cli import UserError


@pytest.fixture(scope="module")
def network() -> ResNet50:
    """With batch statistics that are no longer those of a new network."""
    model = ResNet50().initialize(1)
    with torch.no_grad():
        model(torch.rand(4, 3, 64, 64))
    return model.eval()


@pytest.fixture(scope="module")
def published(network) -> dict[str, torch.Tensor]:
    """A state dict as torchvision publishes it, with a classifier."""
    return {**network.state_dict(), "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


def save(state: object, folder: Path) -> Path:
    torch.save(state, folder / "network.pth")
    return folder / "network.pth"


def same(a: nn.Module, b: nn.Module) -> bool:
    state = b.state_dict()
    return type(a) is type(b) and all(torch.equal(value, state[name]) for name, value in a.state_dict().items())


def refuses(path: Path, match: str) -> None:
    with pytest.raises(UserError, match=match) as info:
        load_any_encoder(path)
    assert str(path) in str(info.value) and "\n" not in str(info.value)


def test_the_features_are_torchvisions(network, published):
    theirs = torchvision.models.resnet50(weights=None)
    theirs.load_state_dict(published)
    theirs.fc = nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), theirs.eval()(x))


@torch.no_grad()
def test_layers_by_name(network):
    x = torch.randn(1, 3, 64, 64)
    shapes = [tuple(network(x, index).shape[1:]) for index in range(len(network.LAYERS))]
    assert dict(zip(network.LAYERS, shapes, strict=True)) == {
        "maxpool": (64, 16, 16), "layer1": (256, 16, 16), "layer2": (512, 8, 8), "layer3": (1024, 4, 4),
        "layer4": (2048, 2, 2), "avgpool": (2048,)}
    torch.testing.assert_close(network(x, -2).mean((2, 3)), network(x))
    with pytest.raises(IndexError):
        network(x, 6)


def test_initialisation_is_a_function_of_the_seed_and_follows_torchvisions_law():
    network = ResNet50()
    theirs = {name: module.weight.std().item() for name, module in network.named_modules()
              if isinstance(module, nn.Conv2d)}
    assert len(theirs) == 53
    first = network.initialize(6).conv1.weight.clone()
    assert same(network.initialize(5), ResNet50().initialize(5)) and not torch.equal(network.conv1.weight, first)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            # Of n normal numbers, the deviation is off by 1 / sqrt(2 n) of its value and the mean by 1 / sqrt(n) of it.
            # Five times that, for 53 layers; torchvision's own draw is off too, so sqrt(2) times as much beside it.
            weight, n = module.weight, module.weight.numel()
            law = math.sqrt(2 / (module.out_channels * math.prod(module.kernel_size)))
            assert weight.std().item() == pytest.approx(law, rel=5 / math.sqrt(2 * n))
            assert weight.std().item() == pytest.approx(theirs[name], rel=5 / math.sqrt(n))
            assert abs(weight.mean().item()) < 5 * law / math.sqrt(n)
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all()


def test_torchvision_weights_load_without_their_classifier(network, published, tmp_path):
    loaded = load_any_encoder(save(published, tmp_path))
    assert same(loaded, network) and not loaded.training


def test_the_query_encoder_of_a_moco_checkpoint_loads(network, tmp_path):
    query = {f"module.encoder_q.{name}": value for name, value in network.state_dict().items()}
    key = {f"module.encoder_k.{name}": torch.zeros_like(value) for name, value in network.state_dict().items()}
    others = {"module.encoder_q.fc.0.weight": torch.zeros(2048, 2048), "module.queue": torch.zeros(128, 16),
              "module.queue_ptr": torch.zeros(1)}
    checkpoint = {"epoch": 200, "arch": "resnet50", "state_dict": {**key, **query, **others}, "optimizer": {}}
    assert same(load_any_encoder(save(checkpoint, tmp_path)), network)


def test_our_encoders_load(tmp_path):
    model = SmallAlexNet(1 / 32).initialize(0)
    save_encoder(model, tmp_path / "encoder.pth")
    assert same(load_any_encoder(tmp_path / "encoder.pth"), model)


def test_what_does_not_fit_is_named(tmp_path):
    resnet18 = torchvision.models.resnet18(weights=None).state_dict()
    refuses(save(resnet18, tmp_path), "does not fit a ResNet-50: Missing.*layer1.0.conv3")
    refuses(save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path), 'Missing key.*"bn1.weight"')
    refuses(save({"state_dict": {"encoder_q.conv1.weight": 3}}, tmp_path), "does not fit a ResNet-50")
    refuses(save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, tmp_path), "another architecture")
    refuses(save([1, 2], tmp_path), "is not a state dict")
    refuses(save({3: torch.zeros(1)}, tmp_path), "is not a state dict")
    refuses(tmp_path / "none.pth", "is not a file")


@pytest.mark.parametrize(("change", "said"), [(torch.Tensor.int, "holds int32 in conv1.weight, where floats belong"),
                                              (lambda weight: weight.to("meta"), "no plain numbers in conv1.weight")])
def test_weights_that_are_no_floats_in_memory_are_refused(published, tmp_path, change, said):
    refuses(save({**published, "conv1.weight": change(published["conv1.weight"])}, tmp_path), said)
