"""Grad-CAM: captum's maps, a map that finds what decides, and one that goes when the weights do."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import resnet18

from analysis.pictures import grad_cam as command
from analysis.pictures.grad_cam import agreement, class_scores, grad_cam, last_map, shuffled
from linear_eval.probes.cached import fit_probe
from models import random_encoder
from utils.cli import UserError


class Patches(nn.Module):
    """Red and blue at 7 × 7 positions, and their means."""

    LAYERS, PROBED = ("means",), "means"

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        self.conv.weight.data.zero_()
        self.conv.weight.data[0, 0], self.conv.weight.data[1, 2] = 1 / 64, 1 / 64

    def forward(self, x, layer_index=-1):
        return self.conv(x).mean((2, 3))


def test_the_map_is_where_the_class_is():
    model, x = Patches(), torch.zeros(2, 3, 56, 56)
    x[0, 0, 8:16, 16:24] = 1  # red
    x[1, 2, 32:40, 0:8] = 1  # blue
    maps = grad_cam(model, last_map(model, x), x, torch.tensor([0, 1]))
    assert maps.shape == (2, 7, 7)
    assert [tuple(np.argwhere(one.numpy() > 0)[0]) for one in maps] == [(1, 2), (4, 0)]
    assert (grad_cam(model, last_map(model, x), x, torch.tensor([1, 0])) == 0).all()  # the other class is nowhere


@pytest.mark.parametrize("make", [lambda: random_encoder(0, 0.1), lambda: resnet18(num_classes=5).eval()])
def test_captum_agrees(make):
    captum = pytest.importorskip("captum.attr", reason="pip install --no-deps captum")
    torch.manual_seed(0)
    model, x, labels = make(), torch.randn(2, 3, 64, 64), torch.tensor([3, 1])
    layer = last_map(model, x)
    expected = captum.LayerGradCam(model, layer).attribute(x, target=labels, relu_attributions=True)[:, 0]
    assert torch.allclose(grad_cam(model, layer, x, labels), expected, rtol=1e-3, atol=1e-4 * expected.max().item())


def test_shuffled_weights_change_the_map():
    torch.manual_seed(0)
    model, x = random_encoder(0, 0.1), torch.randn(6, 3, 64, 64)
    probe = fit_probe(model(torch.randn(40, 3, 64, 64), 5).detach(), torch.arange(40) % 4, 4, 0)
    labels = torch.arange(6) % 4

    def maps(network):
        return grad_cam(class_scores(network, probe), last_map(network, x), x, labels)

    other = shuffled(model)
    assert agreement(maps(model), maps(model)) > 0.99 or (maps(model) == 0).flatten(1).all(1).any()
    assert agreement(maps(model), maps(other)) < 0.7
    assert sorted(model.blocks[0][0].weight.flatten().tolist()) == sorted(other.blocks[0][0].weight.flatten().tolist())


def test_a_network_without_maps():
    with pytest.raises(UserError, match="has no convolutional map"):
        last_map(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.zeros(2, 3, 2, 2))


def test_command(tmp_path, monkeypatch, end):
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for name, colour in (("blue", (60, 70, 190)), ("red", (190, 60, 60))):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.normal(colour, 25, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{i}.png")
    monkeypatch.setattr(command, "open_network", lambda name: random_encoder(0, 0.05))
    monkeypatch.setattr("analysis.feature_space.random_row", lambda seed, device, layer, **more:
                        command_row(device))
    arguments = ["grad_cam", "random", "--data", tmp_path / "photos", "--output", tmp_path / "cam.png", "--images", 4,
                 "--cache", tmp_path, "--gpus"]
    monkeypatch.setattr("sys.argv", list(map(str, arguments)))
    code, out, err = end(command.main)
    assert (code, err) == (0, "") and "agreement" in out
    with Image.open(tmp_path / "cam.png") as sheet:
        assert sheet.width > 1000


def command_row(device):
    from linear_eval.features.rows import random_row
    return random_row(0, device, None, 0.05)
