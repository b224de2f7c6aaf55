"""Copies of ImageNet for the tests of this folder."""

import os
import shutil
from pathlib import Path

import pytest

from .imagenet_copies import jpeg, make_train, val_classes, val_name


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ImageNet with val in class folders, to be read only."""
    root = tmp_path_factory.mktemp("pristine") / "imagenet"
    make_train(root)
    for i, synset in enumerate(val_classes(), start=1):
        jpeg(root / "val" / synset / val_name(i), i)
    return root


@pytest.fixture
def imagenet(pristine: Path, tmp_path: Path) -> Path:
    """One that a test may move, remove and add files in, but not write into: its files are those of `pristine`."""
    return shutil.copytree(pristine, tmp_path / "imagenet", copy_function=os.link)
