import hashlib
import json

import pytest
import torch
import torchvision

from linear_eval.features.rows import encoder_row, random_row
from models import ResNet50, random_encoder, save_encoder
from tests.files import user_error

CPU = torch.device("cpu")


def test_encoder_row_says_which_encoder(tmp_path):
    path = tmp_path / "stat-spectrum" / "encoder.pth"
    path.parent.mkdir()
    save_encoder(random_encoder(0, width=0.05), path)
    row = encoder_row(path, CPU)
    assert row.name == "stat-spectrum" and row.facts["layer"] == "fc6" and len(row.facts["encoder_sha256"]) == 64
    assert encoder_row(path, CPU, name="mine").name == "mine"
    images = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    torch.testing.assert_close(row.features(images), random_row(0, CPU, width=0.05).features(images))


@pytest.mark.parametrize(("name", "key", "known", "others", "said"), [
    ("source.json", "sha256", {"file": "encoder.pth"},  # what was downloaded; of other files it says nothing
     ({"file": "other.pth", "sha256": "0"}, {"origin": "mine"}, [1]), "download it again"),
    ("done.json", "encoder_sha256", {"steps": 5}, ({"steps": 5},), "exports it again")])  # a run; at first without hash
def test_an_encoder_that_is_not_what_its_record_says_is_refused(tmp_path, name, key, known, others, said):
    save_encoder(random_encoder(0, width=0.05), tmp_path / "encoder.pth")
    sha256 = hashlib.sha256((tmp_path / "encoder.pth").read_bytes()).hexdigest()
    for fine in (*others, {**known, key: sha256}):
        (tmp_path / name).write_text(json.dumps(fine))
        assert encoder_row(tmp_path / "encoder.pth", CPU).facts["encoder_sha256"] == sha256
    save_encoder(random_encoder(1, width=0.05), tmp_path / "encoder.pth")  # as many bytes
    user_error(rf"encoder\.pth is not the file that {name} .* {said}", encoder_row, tmp_path / "encoder.pth", CPU)


def test_a_moco_checkpoint_is_seen_at_224(tmp_path):
    """The large-scale encoder: query weights inside a training checkpoint, called by its folder."""
    weights = {f"module.encoder_q.{name}": tensor for name, tensor in ResNet50().initialize(3).state_dict().items()}
    path = tmp_path / "stylegan-oriented" / "checkpoint_0199.pth.tar"
    path.parent.mkdir()
    torch.save({"epoch": 200, "arch": "resnet50", "state_dict": weights}, path)
    row = encoder_row(path, CPU)
    assert row.name == "stylegan-oriented" and (row.view.resize, row.view.size) == (256, 224)
    assert row.facts["architecture"] == "ResNet50" and row.facts["layer"] == "avgpool" and "width" not in row.facts
    images = torch.randint(0, 256, (1, 224, 224, 3), dtype=torch.uint8)
    features = row.features(images)
    assert features.shape == (1, 2048)
    torch.testing.assert_close(features, random_row(3, CPU, architecture="ResNet50").features(images))


def test_torchvisions_weights(tmp_path, monkeypatch):
    """A file where torchvision keeps what it has downloaded, with its hash as published, so nothing is fetched."""
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    model = torchvision.models.resnet18(weights=None).eval()
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(model.state_dict(), cache / "file")
    name = f"resnet18-{hashlib.sha256((cache / 'file').read_bytes()).hexdigest()[:8]}.pth"
    (cache / "file").rename(cache / name)
    monkeypatch.setattr(weights.value, "url", f"https://download.pytorch.org/models/{name}")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    row = encoder_row("torchvision:resnet18", CPU)
    assert row.name == "torchvision:resnet18" and row.facts["architecture"] == "resnet18"
    assert row.facts["layer"] == "penultimate" and str(row.view) == "resize 256, crop 224, bilinear"
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if not name.startswith("fc."):
            digest.update(f"model.{name}".encode() + tensor.numpy().tobytes())
    assert row.facts["encoder_sha256"] == digest.hexdigest()

    images = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    prepare = weights.transforms()  # torchvision's own preparation, of an image that needs no resizing
    prepare.resize_size = [224]
    model.fc = torch.nn.Identity()
    with torch.no_grad():
        expected = model(prepare(images.permute(0, 3, 1, 2)))
    assert (row.features(images) - expected).norm() < 0.03 * expected.norm()  # bfloat16 where the hardware has it


@pytest.mark.parametrize(("name", "said"), [
    ("resnet51", "no classifier 'resnet51'; it has alexnet, "),
    ("squeezenet1_0", "does not end in a linear layer")])
def test_torchvision_models_that_cannot_be(name, said, tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: torchvision.models.squeezenet1_0())
    user_error(said, encoder_row, f"torchvision:{name}", CPU)


def test_weights_that_cannot_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: (_ for _ in ()).throw(
        OSError("Name or service not known")))
    user_error(r"resnet18 cannot be had from https://.*not known", encoder_row, "torchvision:resnet18", CPU)


def test_a_layer_of_another_architecture(tmp_path):
    save_encoder(random_encoder(0, width=0.05), tmp_path / "encoder.pth")
    user_error("no layer 'avgpool'; choose one of conv1", encoder_row, tmp_path / "encoder.pth", CPU, layer="avgpool")


def test_the_random_initialisation_of_a_kind_is_of_that_kind(tmp_path):
    """Also where the width is no short decimal."""
    for width in (1 / 32, 1 / 16, 1 / 3):
        save_encoder(random_encoder(0, width), tmp_path / "encoder.pth")
        row = encoder_row(tmp_path / "encoder.pth", CPU)
        again = random_row(0, CPU, width=row.facts["width"])
        images = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
        assert torch.equal(row.features(images), again.features(images)) and again.facts["width"] == row.facts["width"]


def test_the_precision_is_that_asked_for(tmp_path):
    """And a fact of the row. bfloat16 has 8 bits of mantissa, which shows in every feature."""
    save_encoder(random_encoder(3, width=0.05), tmp_path / "encoder.pth")
    images = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)
    exact = encoder_row(tmp_path / "encoder.pth", CPU, precision="float32")
    short = encoder_row(tmp_path / "encoder.pth", CPU, precision="bfloat16")
    assert (exact.facts["precision"], short.facts["precision"]) == ("float32", "bfloat16")
    double = random_encoder(3, width=0.05).double()
    mean, std = torch.tensor(double.MEAN), torch.tensor(double.STD)
    with torch.no_grad():
        x = ((images / 255 - mean) / std).permute(0, 3, 1, 2).double()
        expected = double(x, layer_index=double.LAYERS.index("fc6")).float()
    scale = expected.abs().max()
    assert (exact.features(images) - expected).abs().max() < 1e-5 * scale
    assert 1e-4 * scale < (short.features(images) - expected).abs().max() < 0.05 * scale
    assert random_row(3, CPU, width=0.05, precision="float32").facts["precision"] == "float32"


@pytest.mark.gpu
def test_float32_is_no_tf32():
    """TF32 has 10 bits of mantissa and would be off by 1e-3."""
    gpu = torch.device("cuda")
    images = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8)
    here, there = (random_row(3, device, precision="float32").features(images.to(device)).cpu()
                   for device in (CPU, gpu))
    assert (here - there).abs().max() < 3e-5 * here.abs().max()
