"""The list of named datasets."""

import dataclasses

import pytest

from generators.named import find, load, named_datasets
from utils.cli import UserError


@pytest.mark.parametrize("name", named_datasets())
def test_every_named_dataset_renders(name):
    process = load(name, resolution=16, seed=2)
    assert process.resolution == 16 and process.seed == 2
    assert process.render([0]).shape == (1, 16, 16, 3)
    assert load(name).resolution == find(name).resolution
    with pytest.raises(dataclasses.FrozenInstanceError):
        process.seed = 3


def test_figure_letters_are_distinct():
    letters = [entry.figure for entry in named_datasets().values()]
    assert len(set(letters)) == len(letters)


def test_unknown_name_lists_the_names():
    with pytest.raises(UserError, match=r"'dead_leaf'.*dead_leaves-squares.*stat-spectrum"):
        load("dead_leaf")
