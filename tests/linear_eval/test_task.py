import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linear_eval.features.frozen import View, decode
from linear_eval.task import Split, balanced_order, load_task
from tests.files import user_error


def test_balanced_order_is_nested_balanced_and_seeded():
    labels = np.repeat([0, 1, 2], [50, 20, 3])
    order = balanced_order(labels, 0)
    np.testing.assert_array_equal(np.sort(order), np.arange(73))
    assert np.bincount(labels[order[:9]]).tolist() == [3, 3, 3]
    assert np.bincount(labels[order[:23]]).tolist() == [10, 10, 3]  # the small class has run out
    assert sorted(labels[order[9:11]]) == [0, 1]
    assert not np.array_equal(order[:9], balanced_order(labels, 1)[:9])


def test_balanced_order_takes_each_image_equally_often():
    """In 600 seeds each of 20 images of a class is among the first 5 of it with probability 1/4."""
    labels = np.repeat([0, 1], [20, 20])
    taken = sum(np.bincount(balanced_order(labels, seed)[:10], minlength=40) for seed in range(600))
    assert taken.sum() == 6000 and np.abs(taken - 150).max() < 4.5 * np.sqrt(600 * 0.25 * 0.75)


def test_the_record_names_the_task_and_how_it_is_limited(folder):
    assert (load_task(folder).name, load_task(folder).selection) == ("photos", "class-balanced")
    record = {"name": "vtab-dtd", "counts": {"train": 24, "val": 12}, "complete": False, "selection": "uniform",
              "family": "vtab"}
    (folder / "dataset.json").write_text(json.dumps(record))
    task = load_task(folder)
    assert (task.name, task.selection, task.complete) == ("vtab-dtd", "uniform", False) and task.family == "vtab"
    assert load_task(folder, "textures").name == "textures"
    (folder / "dataset.json").write_text(json.dumps({**record, "counts": {"val": 13}}))
    user_error(r"val holds 12 of the 13 images", load_task, folder)


def test_uniform_order_takes_classes_as_often_as_they_are(folder):
    """Half of 24 images, 8 a class: the number of one class is hypergeometric, mean 4; balanced it is 4 always."""
    task = load_task(folder)
    task.selection = "uniform"
    counts = np.array([np.bincount(task.train.labels[task.order(seed)[:12]], minlength=3)[0] for seed in range(400)])
    variance = 12 * (8 / 24) * (16 / 24) * (12 / 23)
    assert abs(counts.mean() - 4) < 4 * np.sqrt(variance / 400)
    assert abs(counts.var() / variance - 1) < 4 * np.sqrt(2 / 400)


def test_images_of_another_view_are_decoded_under_it(folder):
    task, view = load_task(folder), View(40, 32)
    rows = np.array([5, 2])
    np.testing.assert_array_equal(task.val.images(rows, view), decode([task.val.paths[5], task.val.paths[2]], view))


@pytest.fixture
def vtab_1k(tmp_path):
    """dtd in the layout of the archives: images anywhere below the folder, and two lists."""
    root = tmp_path / "dtd"
    (root / "images/trainval").mkdir(parents=True)
    for i in range(6):
        Image.new("RGB", (40, 30), (40 * i, 0, 0)).save(root / f"images/trainval/{i:06d}.jpg")
    lines = [f"images/trainval/{i:06d}.jpg {label}" for i, label in enumerate((3, 46, 0, 3, 1, 2))]
    (root / "train800val200.txt").write_text("\n".join(lines[:4]) + "\n")
    (root / "test.txt").write_text("\n".join(lines[4:]) + "\n\n")
    return root


def test_vtab_1k_lists(vtab_1k):
    task = load_task(vtab_1k)
    assert (task.name, task.selection, len(task.classes)) == ("vtab-dtd", "given list", 47)
    assert not task.complete  # VTAB-1k has 1,000 images to train on and the whole test set
    assert task.train.labels.tolist() == [3, 46, 0, 3] and task.val.labels.tolist() == [1, 2]
    assert task.val.paths[0].name == "000004.jpg"
    before = task.sha256
    (vtab_1k / "test.txt").write_text((vtab_1k / "test.txt").read_text().replace(" 2", " 4"))
    assert load_task(vtab_1k).sha256 != before


def test_contents_are_known_in_both_layouts(vtab_1k, folder):
    for root, image in ((vtab_1k, vtab_1k / "images/trainval/000004.jpg"), (folder, folder / "val/red/0.png")):
        before = load_task(root)
        Image.new("RGB", (40, 30), (0, 0, 99)).save(image)
        after = load_task(root)
        assert after.sha256 == before.sha256 and after.contents_sha256 != before.contents_sha256


@pytest.mark.parametrize(("line", "said"), [
    ("images/trainval/000001.jpg 47", "line 5: .* below 47"),
    ("images/trainval/000001.jpg", "line 5: .* below 47"),
    (f"images/trainval/000001.jpg {'9' * 5000}", "line 5: .* below 47"),
    ("../000001.jpg 1", "line 5: .*inside the folder"),
    ("/etc/passwd 1", "line 5: .*inside the folder"),
    ("images/trainval/000009.jpg 1", r"000009\.jpg .*line 5\) is not there")])
def test_vtab_1k_lists_that_are_damaged(vtab_1k, line, said):
    with open(vtab_1k / "train800val200.txt", "a") as file:
        file.write(line + "\n")
    user_error(said, load_task, vtab_1k)


def test_vtab_1k_lists_of_no_known_task(vtab_1k):
    user_error("no task's name; the names are ", lambda: load_task(vtab_1k.rename(vtab_1k.with_name("textures"))))


def test_names_that_are_not_utf_8(vtab_1k, folder):
    """Linux takes any bytes: of images and classes they are read, for the name of a task, which tables hold, they are
    not taken."""
    odd = os.fsdecode(b"caf\xe9")
    (vtab_1k / "images/trainval/000004.jpg").rename(vtab_1k / f"images/trainval/{odd}.jpg")
    (vtab_1k / "test.txt").write_bytes(b"images/trainval/caf\xe9.jpg 1\n")
    assert load_task(vtab_1k).val.images().shape == (1, 64, 64, 3)
    for split in ("train", "val"):
        (folder / split / "red").rename(folder / split / odd)
    (folder / f"train/{odd}/0.png").rename(folder / f"train/{odd}/{odd}.png")
    task = load_task(folder)
    assert odd in task.classes and len(task.train.paths) == 24
    moved = folder.rename(folder.with_name(odd))
    user_error(r"the task's name, .*is not UTF-8; pass another as --task", load_task, moved)
    assert load_task(moved, "coffee").name == "coffee"


def test_a_record_whose_complete_is_no_truth_value(folder):
    (folder / "dataset.json").write_text('{"complete": "no"}')
    user_error(r"dataset\.json says that complete is 'no', not true or false", load_task, folder)


def test_a_task_of_millions_of_images_fits_in_memory():
    """Pixels of the small view, 12 KB an image, take none before they are asked for."""
    many = Split([Path("one.jpg")] * 5_000_000, np.zeros(5_000_000, np.int64))
    assert len(many) == 5_000_000
