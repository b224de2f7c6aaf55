"""ResNet-50: torchvision's network and initialisation."""

import math

import pytest
import torch
import torchvision
from torch import nn

from models import ResNet50

from .test_any_encoder import same


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


def test_a_projection_of_inputs_with_other_channels():
    network = ResNet50(52).initialize(0).project(1, 16).eval()
    x = torch.randn(2, 52, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x), network.fc(network(x, network.LAYERS.index("avgpool"))))
    assert network(x).shape == (2, 16)
    assert same(network, ResNet50(52).initialize(0).project(1, 16))
    assert not same(network, ResNet50(52).initialize(0).project(2, 16))
