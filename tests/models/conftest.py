"""A ResNet-50, and how others publish one."""

import pytest
import torch

from models import ResNet50


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
