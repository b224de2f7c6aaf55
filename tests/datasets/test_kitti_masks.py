"""KITTI Masks: the format, the factors, and a pickle that would run code."""

import pickle

import numpy as np
import pytest

from datasets.kitti_masks import factors, read_masks
from tests.files import Bomb, user_error


def disc(y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:64, :64]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def archive(path, sequences, key="pedestrians"):
    path.write_bytes(pickle.dumps({key: sequences}))
    return path


def test_sequences_and_factors(tmp_path):
    first = np.stack([disc(20 + t, 30, 5) for t in range(4)])
    second = np.stack([disc(40, 10 + 2 * t, 8) for t in range(3)]).astype(np.uint8) * 255
    a, b = read_masks(archive(tmp_path / "kitti.pickle", [first, second]))
    assert a.dtype == b.dtype == bool and len(a) == 4 and len(b) == 3
    np.testing.assert_allclose(factors(a)[:, :2], [[20 + t, 30] for t in range(4)])
    np.testing.assert_allclose(factors(b)[:, :2], [[40, 10 + 2 * t] for t in range(3)])
    assert factors(b)[0, 2] == pytest.approx(np.pi * 64, rel=0.05)


def test_empty_frames_end_a_sequence(tmp_path):
    frames = np.stack([disc(20, 20, 5)] * 7)
    frames[[2, 4]] = False
    assert [len(part) for part in read_masks(archive(tmp_path / "kitti.pickle", [frames]))] == [2, 2]


def test_arrays_of_old_numpy_are_read(tmp_path):
    """Protocol 2, where NumPy 1 named its modules otherwise."""
    frames = np.stack([disc(20, 20, 5)] * 2)
    data = pickle.dumps({"pedestrians": [frames]}, protocol=2).replace(b"numpy._core.", b"numpy.core.")
    (tmp_path / "kitti.pickle").write_bytes(data)
    assert len(read_masks(tmp_path / "kitti.pickle")) == 1


@pytest.mark.parametrize(("content", "said"), [
    ({"pedestrians": Bomb("exploded")}, "not a pickle of arrays .*it asks for posix.mkdir"),
    ({"pedestrians": []}, "no list of sequences"), ([1], "no list of sequences"),
    ({"cars": [np.zeros((2, 64, 64))]}, "no list of sequences"),
    ({"pedestrians": [np.zeros((2, 32, 32))]}, "sequence 0 of .* is float64 .2, 32, 32."),
    ({"pedestrians": [np.zeros((2, 64, 64))]}, "no sequence of two frames")])
def test_other_archives(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kitti.pickle").write_bytes(pickle.dumps(content))
    user_error(said, read_masks, tmp_path / "kitti.pickle")
    assert not (tmp_path / "exploded").exists()


def test_damaged_or_missing(tmp_path):
    user_error("is not a file", read_masks, tmp_path / "none.pickle")
    (tmp_path / "kitti.pickle").write_bytes(b"PK\x03\x04")
    user_error("download it again", read_masks, tmp_path / "kitti.pickle")
