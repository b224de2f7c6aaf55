import os

import numpy as np
import pytest
import torch

from datasets.examples import store
from datasets.examples.class_folders import held_out
from datasets.examples.store import Example, load_examples, write_examples
from tests.files import listed, user_error

EXAMPLES = [Example(f"{k}.wav", "train" if k < 7 else "test", ("ab"[k % 2], "cd"[k // 5])) for k in range(10)]


def compute(examples):
    """Two channels of other means and deviations, a function of the file."""
    numbers = torch.tensor([float(example.file[0]) for example in examples]).view(-1, 1, 1, 1)
    grid = torch.linspace(0, 1, 16).view(1, 1, 4, 4)
    return torch.cat([numbers + grid, 100 - 10 * numbers * grid], 1)


def write(root, examples=EXAMPLES, **how):
    return write_examples(root, "toy", "sound", "a test", ("vowel", "half"), examples, compute, **how)


def test_examples_are_normalised_by_the_training_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PART", 3)
    examples = write(tmp_path / "toy", size=4)
    raw = compute(EXAMPLES).double().numpy()
    mean, std = raw[:7].mean((0, 2, 3)), raw[:7].std((0, 2, 3))
    want = (raw - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(examples.array, want, atol=1e-5)
    np.testing.assert_allclose((examples.record["mean"], examples.record["std"]), (mean, std), rtol=1e-6)
    assert examples.record["counts"] == {"train": 7, "val": 0, "test": 3} and examples.record["size"] == 4
    labels, classes = examples.labels("half")
    assert labels.tolist() == [0] * 5 + [1] * 5 and classes == ["c", "d"]
    assert examples.rows("test").tolist() == [7, 8, 9] and examples.measured() == "test"


def test_a_folder_appears_whole_and_is_left_alone(tmp_path):
    def stopped(examples):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_examples(tmp_path / "toy", "toy", "sound", "a test", ("vowel", "half"), EXAMPLES, stopped)
    assert listed(tmp_path) == [] and not (tmp_path / ".toy.partial").exists()
    write(tmp_path / "toy")
    before = os.stat(tmp_path / "toy/examples.npy").st_mtime_ns
    write(tmp_path / "toy")
    assert os.stat(tmp_path / "toy/examples.npy").st_mtime_ns == before
    user_error("holds something else, or the same prepared otherwise", write, tmp_path / "toy", size=8)
    user_error("holds something else, or the same prepared otherwise", write, tmp_path / "toy", EXAMPLES[1:])


def test_what_cannot_be_probed(tmp_path):
    same = [example._replace(labels=("a", "c")) for example in EXAMPLES]
    user_error("a test has one class, 'a'; a probe needs at least two", write, tmp_path / "toy", same)
    user_error("a test gives 7 training examples and 0 to measure on", write, tmp_path / "toy", EXAMPLES[:7])
    user_error("holds no prepared examples", load_examples, tmp_path)
    user_error("no labels called 'pitch', but vowel, half", write(tmp_path / "toy").labels, "pitch")
    user_error("prepare it again with --waveforms", load_examples(tmp_path / "toy").waveforms)
    np.save(tmp_path / "toy/examples.npy", np.zeros((9, 2, 4, 4), np.float32))
    user_error("is damaged: examples.npy and examples.csv do not fit", load_examples, tmp_path / "toy")
    write(tmp_path / "other")
    (tmp_path / "other/examples.csv").write_bytes(b"")
    user_error("is damaged: examples.npy and examples.csv do not fit", load_examples, tmp_path / "other")


def test_a_fifth_of_each_group_is_held_out():
    groups = ["a"] * 10 + ["b"] * 5 + ["c"] * 2 + ["d"]
    out = held_out(groups)
    assert [sum(groups[k] == g for k in out) for g in "abcd"] == [2, 1, 1, 0] and out == held_out(groups)
