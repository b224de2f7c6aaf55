"""ResNet-18: torchvision's network where it has one, and files of any size of it."""

import pytest
import torch
import torchvision

from models import ResNet18, load_encoder, save_encoder
from tests.files import user_error


@torch.no_grad()
def test_with_the_large_stem_it_is_torchvisions():
    theirs = torchvision.models.resnet18(weights=None).eval()
    ours = ResNet18(stem=7, out_dim=1000).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x))


@torch.no_grad()
def test_layers_by_name():
    model = ResNet18(channels=52, width=0.25).initialize(0).eval()
    x = torch.randn(2, 52, 32, 32)
    shapes = [tuple(model(x, index).shape[1:]) for index in range(len(model.LAYERS))]
    assert dict(zip(model.LAYERS, shapes, strict=True)) == {
        "stem": (16, 32, 32), "layer1": (16, 32, 32), "layer2": (32, 16, 16), "layer3": (64, 8, 8),
        "layer4": (128, 4, 4), "avgpool": (128,), "fc": (128,)}
    torch.testing.assert_close(model(x), model.fc(model(x, 4).mean((2, 3))))
    with pytest.raises(IndexError):
        model(x, 7)


@pytest.mark.parametrize("shape", [(3, 3, 1.0, 128), (1, 7, 0.25, 128), (52, 3, 0.15154, 16)])
def test_any_size_is_saved_and_read(tmp_path, shape):
    model = ResNet18(*shape).initialize(3)
    save_encoder(model, tmp_path / "encoder.pth")
    read = load_encoder(tmp_path / "encoder.pth")
    assert (read.channels, read.stem, read.fc.out_features) == (shape[0], shape[1], shape[3])
    assert read.width == pytest.approx(shape[2], rel=0.01) and not read.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name


def test_weights_are_a_function_of_the_seed():
    one, same, other = (ResNet18(width=0.125).initialize(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])


def test_what_is_no_resnet18(tmp_path):
    user_error("stem of 3 or 7 pixels and 1 channel or more, not 5 and 3", ResNet18, 3, 5)
    user_error("width must lie between", ResNet18, width=0)
    state = ResNet18(width=0.125).state_dict()
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("fc.")}, tmp_path / "a.pth")
    user_error("neither a ResNet-18 nor a ResNet-50", load_encoder, tmp_path / "a.pth")
