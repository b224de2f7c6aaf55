import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from linear_eval.features.frozen import decode, encoder_features
from models import SmallAlexNet, random_encoder
from tests.files import user_error


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (70, 64, 64, 3), dtype=np.uint8)


def test_decode_is_torchvisions_evaluation_transform(folder):
    paths = sorted((folder / "val").rglob("*.png"))
    obvious = transforms.Compose([transforms.Resize(70), transforms.CenterCrop(64)])
    expected = np.stack([np.asarray(obvious(Image.open(path))) for path in paths])
    np.testing.assert_array_equal(decode(paths), expected)


def test_decode_names_the_corrupt_file(folder):
    bad = folder / "train" / "red" / "3.png"
    bad.write_bytes(bad.read_bytes()[:60])
    user_error(r"red/3\.png", lambda: decode(sorted((folder / "train").rglob("*.png"))))


@pytest.mark.parametrize("layer", ["conv2", "fc6", "fc8"])
def test_features_are_those_of_one_image_at_a_time(images, layer):
    model = random_encoder(0, width=0.05)
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize(SmallAlexNet.MEAN, SmallAlexNet.STD)])
    found = encoder_features(model, layer)(torch.from_numpy(images))
    assert found.dtype == torch.float32 and found.shape[0] == 70
    with torch.no_grad():
        for i in (0, 1, 63, 64, 69):
            expected = model(normalise(Image.fromarray(images[i]))[None], SmallAlexNet.LAYERS.index(layer))
            expected = expected.mean((2, 3)) if expected.ndim == 4 else expected
            torch.testing.assert_close(found[i], expected[0], rtol=1e-4, atol=1e-5)


def test_encoder_stays_frozen(images):
    model = random_encoder(0, width=0.05).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not encoder_features(model, "fc6")(torch.from_numpy(images)).requires_grad and not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_bfloat16_features_are_close_and_float32(images):
    model = random_encoder(0, width=0.05)
    exact, fast = (encoder_features(model, "fc6", dtype)(torch.from_numpy(images))
                   for dtype in (torch.float32, torch.bfloat16))
    assert fast.dtype == torch.float32 and (fast - exact).norm() < 0.03 * exact.norm()


def test_unknown_layer():
    user_error("conv1", lambda: encoder_features(random_encoder(0, width=0.05), "fc9"))
