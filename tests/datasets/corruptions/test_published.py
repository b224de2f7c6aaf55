import numpy as np
import pytest

from datasets.corruptions.published import available, published
from tests.files import user_error


@pytest.fixture
def folder(tmp_path):
    """Two test images under two corruptions, in the published layout: image i at severity s has the value 10 s + i."""
    values = np.array([10 * severity + i for severity in range(1, 6) for i in range(2)], np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (10, 32, 32, 3))
    for name in ("snow", "fog"):
        np.save(tmp_path / f"{name}.npy", images)
    np.save(tmp_path / "labels.npy", np.tile(np.array([3, 8], np.uint8), 5))
    return tmp_path


def test_severities_follow_one_another(folder):
    assert available(folder) == ["snow", "fog"]
    images, labels = published(folder, "fog", 4)
    assert images.shape == (2, 32, 32, 3) and images[:, 0, 0, 0].tolist() == [40, 41]
    assert labels.tolist() == [3, 8] and labels.dtype == np.int64


def test_damaged_arrays(folder, tmp_path):
    user_error("frost.npy is not there; unpack", published, folder, "frost", 1)
    np.save(folder / "frost.npy", np.zeros((9, 32, 32, 3), np.uint8))
    user_error(r"frost.npy is uint8 \[9, 32, 32, 3\], not the uint8", published, folder, "frost", 1)
    np.save(folder / "frost.npy", np.zeros((15, 32, 32, 3), np.uint8))
    user_error("holds 15 images; download it again", published, folder, "frost", 1)
    (folder / "frost.npy").write_bytes((folder / "frost.npy").read_bytes()[:5000])
    user_error("frost.npy is not an array of numbers, or was cut short", published, folder, "frost", 1)
    np.save(folder / "frost.npy", np.array([{}]), allow_pickle=True)
    user_error("frost.npy is not an array of numbers", published, folder, "frost", 1)
    (tmp_path / "empty").mkdir()
    user_error("has no arrays of CIFAR-10-C", available, tmp_path / "empty")
