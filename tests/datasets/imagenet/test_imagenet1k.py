"""ImageNet-1k as people have it: every published layout is read, anything else is refused."""

import os
import re
import subprocess

import numpy as np
import pytest
from scipy.io import savemat

from datasets.imagenet.imagenet100 import write_imagenet100
from tests.files import user_error

from .imagenet_copies import DEVKIT, expected, flatten, pictures, state, val_name, write_devkit, write_kaggle


@pytest.mark.parametrize(("labels", "place", "copy"), [
    (write_devkit, "", False), (write_devkit, DEVKIT, True), (write_kaggle, "", False)])
def test_a_flat_val_is_sorted_by_its_labels(imagenet, pristine, tmp_path, labels, place, copy):
    flatten(imagenet)
    labels(imagenet / place)
    before = state(imagenet)
    write_imagenet100(imagenet, tmp_path / "out", copy)
    assert pictures(tmp_path / "out") == expected(pristine) and state(imagenet) == before


def test_images_missing_from_a_flat_val_do_not_shift_the_labels(imagenet, pristine, tmp_path):
    write_devkit(flatten(imagenet))
    (imagenet / "val" / val_name(1)).unlink()
    write_imagenet100(imagenet, tmp_path / "out")
    assert pictures(tmp_path / "out").items() <= expected(pristine).items()


@pytest.mark.parametrize("below", ["Data/CLS-LOC", "ILSVRC/Data/CLS-LOC"])
def test_the_folders_of_kaggle(imagenet, pristine, tmp_path, below):
    kaggle = tmp_path / "kaggle"
    (kaggle / below).parent.mkdir(parents=True)
    flatten(imagenet).rename(kaggle / below)
    write_kaggle(kaggle)
    write_imagenet100(kaggle, tmp_path / "out")
    assert pictures(tmp_path / "out") == expected(pristine)


@pytest.mark.parametrize("flat", [False, True])
def test_train_and_val_swapped(imagenet, tmp_path, flat):
    if flat:
        write_devkit(flatten(imagenet))
    (imagenet / "train").rename(imagenet / "other")
    (imagenet / "val").rename(imagenet / "train")
    (imagenet / "other").rename(imagenet / "val")
    user_error(r"the two are swapped; rename them$", write_imagenet100, imagenet, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("damage", "said"), [
    ("rm *", r"val has no class folders, so its labels are needed: put ILSVRC2012_.*, or Kaggle's LOC_.*, into"),
    ("rm meta.mat", "its labels are needed"),
    ("truncate -s 300 *truth.txt", r"ground_truth\.txt does not say of which class ILSVRC2012_val_\d{8}\.JPEG is"),
    ("sed -i 1c1861 *truth.txt", r"does not say of which class ILSVRC2012_val_00000001\.JPEG is"),
    ("truncate -s 20000 meta.mat", r"meta\.mat cannot be read"),
    ("cp $TMP/other.mat meta.mat", r"meta\.mat cannot be read"),
    ("mv $TMP/LOC* .; truncate -s -100 LOC*", r"LOC_val_solution\.csv does not say of which class"),
    ("mv meta.mat LOC_val_solution.csv", r"LOC_val_solution\.csv does not say of which class")])
def test_labels_that_are_missing_or_damaged(imagenet, tmp_path, damage, said):
    write_devkit(flatten(imagenet) / DEVKIT)
    write_kaggle(tmp_path)
    savemat(tmp_path / "other.mat", {"images": np.arange(3)})
    subprocess.run(["bash", "-ec", damage], cwd=imagenet / DEVKIT, check=True, env={**os.environ, "TMP": str(tmp_path)})
    user_error(said, write_imagenet100, imagenet, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_imagenet_is_refused(tmp_path, pristine):
    (tmp_path / "loop").symlink_to("loop")
    for source in (tmp_path / "none", tmp_path / "loop"):
        user_error("is not a folder; pass the folder of ImageNet-1k", write_imagenet100, source, tmp_path / "out")
    user_error("does not hold train/ and val/", write_imagenet100, pristine / "train", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_to_nowhere_in_imagenet_is_not_an_image(imagenet, tmp_path):
    path = imagenet / "train/n02869837/n02869837_0.JPEG"
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    user_error(re.escape(f"{path} is no file, or a link to nowhere"), write_imagenet100, imagenet, tmp_path / "out")
