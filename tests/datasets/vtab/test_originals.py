"""smallNORB, dSprites and CLEVR from small files in the formats of their authors."""

import gzip
import io
import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.vtab.images import LabelledImage
from datasets.vtab.originals import clevr_label, parts
from datasets.vtab.prepared import prepare
from datasets.vtab.tasks import TASKS
from tests.files import user_error

from .small_shards import make_image


def norb_bytes(array: np.ndarray) -> bytes:
    """The NORB format: magic, number of dimensions, dimensions (at least three), data, all little-endian."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[array.dtype.name]
    shape = array.shape + (1,) * (3 - array.ndim)
    return struct.pack(f"<ii{len(shape)}i", magic, array.ndim, *shape) + array.tobytes()


def write_norb(folder: Path, zipped: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Training and testing sets of 36 pairs of 4×4; (pairs, info) by official split."""
    random, sets = np.random.default_rng(0), {}
    folder.mkdir(exist_ok=True)
    for official, instances in (("training", "46789"), ("testing", "01235")):
        pairs = random.integers(0, 256, (36, 2, 4, 4), dtype=np.uint8)
        i = random.permutation(36)
        info = np.stack([i % 10, i % 9, 2 * (i % 18), i % 6], 1).astype(np.int32)  # instance, elevation, azimuth, light
        if official == "testing":  # every class in both halves
            info[:18] = info[18:] = np.stack([np.arange(18) % n for n in (10, 9, 18, 6)], 1) * (1, 1, 2, 1)
        for kind, array in (("dat", pairs), ("cat", (i % 5).astype(np.int32)), ("info", info)):
            name = f"smallnorb-5x{instances}x9x18x6x2x96x96-{official}-{kind}.mat"
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(norb_bytes(array)))
            else:
                (folder / name).write_bytes(norb_bytes(array))
        sets[official] = pairs, info
    return sets


@pytest.mark.parametrize("name, attribute", [("smallnorb_azimuth", lambda info: info[2] // 2),
                                             ("smallnorb_elevation", lambda info: info[1])])
@pytest.mark.parametrize("zipped", [False, True])
def test_smallnorb_left_images_with_half_of_testing_in_train(tmp_path, name, attribute, zipped):
    sets = write_norb(tmp_path / "norb", zipped)
    task = replace(TASKS[name], trainval=54, test=18)
    record = prepare(task, tmp_path, "originals", tmp_path / "norb")
    assert (record["split"], record["counts"], record["complete"]) == ("trainval", {"train": 54, "val": 18}, True)
    assert "second half of the official test set" in record["note"]
    found = {path.stem: path for path in (tmp_path / name).glob("*/*/*.png")}
    assert len(found) == 72
    for official, (pairs, info) in sets.items():
        for i in range(36):
            path = found[f"{official}_{i:05d}"]
            split = "val" if official == "testing" and i >= 18 else "train"
            assert path.parts[-3:-1] == (split, f"{attribute(info[i]):04d}")
            assert np.array_equal(np.asarray(Image.open(path)), pairs[i, 0])


def test_smallnorb_files_that_are_wrong_are_named(tmp_path):
    task, norb = TASKS["smallnorb_azimuth"], tmp_path / "norb"

    def refused(message: str) -> None:
        user_error(message, prepare, task, tmp_path / "vtab", "originals", norb)
        assert not (tmp_path / "vtab/smallnorb_azimuth").exists()

    for zipped, cut_off in ((False, "training-dat.mat is cut off"), (True, "training-dat.mat.gz is (damaged|cut off)")):
        write_norb(norb, zipped)
        data = next(norb.glob("*training-dat*"))
        whole = data.read_bytes()
        data.write_bytes(whole[:-30])
        refused(cut_off)
        data.write_bytes(whole)
        for path in norb.iterdir():
            path.unlink()
    write_norb(norb, False)
    info = next(norb.glob("*testing-info*"))
    array = np.frombuffer(info.read_bytes()[20:], np.int32).reshape(36, 4).copy()
    array[7, 2] = 36
    info.write_bytes(norb_bytes(array))
    refused("testing-info.mat: image 7 has label 18, but smallnorb_azimuth has labels 0 to 17")
    info.write_bytes(b"MATLAB 5.0 MAT-file" * 100)
    refused("testing-info.mat is not a NORB file of bytes or integers")
    info.write_bytes(norb_bytes(array[:-1]))
    refused("testing-info.mat and smallnorb-.*-testing-cat.mat do not describe the same images")
    info.unlink()
    refused(r"norb has no files smallnorb-\*-testing-info.mat\*")


def write_sprites(path: Path, count: int = 320) -> tuple[np.ndarray, np.ndarray]:
    """The npz of dSprites with `count` sprites of 8×8: (imgs, latents_classes)."""
    images, i = np.random.default_rng(0).integers(0, 2, (count, 8, 8), dtype=np.uint8), np.arange(count)
    latents = np.stack([0 * i, i % 3, i % 6, i % 40, i % 32, i % 32], 1)  # colour, shape, scale, orientation, x, y
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, metadata=np.array({"title": "pickled, so never read"}, object), imgs=images,
                        latents_classes=latents, latents_values=latents.astype(float))
    return images, latents


def sprites(name: str, folder: Path) -> list[LabelledImage]:
    return [image for _, images in parts(TASKS[name], folder, folder, False) for image in images]


@pytest.mark.parametrize("name, column, divisor", [("dsprites_location", 4, 2), ("dsprites_orientation", 3, 2.5)])
def test_sprites_are_white_on_black_under_the_floor_of_their_label(tmp_path, name, column, divisor):
    images, latents = write_sprites(tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz")
    found = sprites(name, tmp_path)
    assert [int(image.key) for image in found] == list(range(320))
    for i, image in enumerate(found):
        assert image.label == math.floor(latents[i, column] / divisor)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(image.data()))), 255 * images[i])


def test_a_tenth_of_the_sprites_is_val_the_same_for_both_tasks(tmp_path):
    write_sprites(tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz")
    val = [[int(image.key) for image in sprites(name, tmp_path) if image.split == "val"]
           for name in ("dsprites_location", "dsprites_orientation")]
    assert val[0] == val[1] and len(val[0]) == 32 and 120 < np.mean(val[0]) < 200
    assert "permutation of ours (seed 0)" in TASKS["dsprites_location"].note("originals")


def test_sprite_files_that_are_wrong_are_named(tmp_path):
    path = tmp_path / "dsprites_ndarray_x.npz"
    images, latents = write_sprites(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    middle = whole.index(b"imgs.npy") + 500
    damaged[middle:middle + 64] = bytes(64)
    wrong = latents.copy()
    wrong[5, 4] = 32
    for content, message in (
            (whole[:-100], "is not dSprites' file, or is damaged"), (b"", "is not dSprites' file, or is damaged"),
            (bytes(damaged), "is damaged|or is damaged"),
            ({"imgs": images}, "is not dSprites' file, or is damaged .*latents_classes"),
            ({"imgs": images[1:], "latents_classes": latents}, "holds uint8 images of shape .* and 320 labels"),
            ({"imgs": images, "latents_classes": wrong}, "image 5 has label 32, but dsprites_location has")):
        if isinstance(content, dict):
            np.savez_compressed(path, **content)
        else:
            path.write_bytes(content)
        user_error(rf"dsprites_ndarray_x.npz.*({message})", sprites, "dsprites_location", tmp_path)


def write_clevr(root: Path) -> dict[str, list[dict]]:
    """CLEVR_v1.0 with 24 train and 16 val scenes; the scenes by split."""
    random, scenes = np.random.default_rng(0), {}
    for split, count in (("train", 24), ("val", 16)):
        (root / "images" / split).mkdir(parents=True)
        (root / "scenes").mkdir(exist_ok=True)
        scenes[split] = []
        for i in range(count):
            name, nearest = f"CLEVR_{split}_{i:06d}.png", (7.5, 8.2, 8.7, 9.2, 9.7, 10.5)[i % 6]
            depths = [nearest, *random.uniform(nearest, 15, 2 + i % 8)]
            objects = [{"color": "red", "pixel_coords": [10, 20, float(depth)]} for depth in random.permutation(depths)]
            scenes[split].append({"split": split, "image_filename": name, "image_index": i, "objects": objects})
            (root / "images" / split / name).write_bytes(make_image("png", i))
        (root / f"scenes/CLEVR_{split}_scenes.json").write_text(json.dumps({"info": {}, "scenes": scenes[split]}))
    return scenes


def slow_distance(objects: list[dict]) -> int:
    """task_adaptation's rule as it is written there: the largest i with thresholds[i] - distance < 0."""
    distance = min(np.float32(thing["pixel_coords"][2]) for thing in objects)
    return max(i for i, threshold in enumerate([0.0, 8.0, 8.5, 9.0, 9.5, 10.0, 100.0]) if threshold - distance < 0)


@pytest.mark.parametrize("name, rule", [("clevr_count", lambda objects: len(objects) - 3),
                                        ("clevr_distance", slow_distance)])
def test_clevr_counts_and_distances(tmp_path, name, rule):
    scenes = write_clevr(tmp_path / "data/CLEVR_v1.0")
    record = prepare(replace(TASKS[name], trainval=24, test=16), tmp_path, "originals", tmp_path / "data")
    assert record["complete"] and record["note"] is None and record["split"] == "trainval"
    for split, listed in scenes.items():
        for i, scene in enumerate(listed):
            path = tmp_path / name / split / f"{rule(scene['objects']):04d}" / scene["image_filename"]
            assert path.read_bytes() == make_image("png", i)


def test_a_distance_on_a_threshold_is_the_class_below():
    task = TASKS["clevr_distance"]
    for depth in (0.001, 7.999, 8, 8.001, 8.5, 9, 9.5, 9.501, 10, 10.001, 99.0, 100):
        objects = [{"pixel_coords": [0, 0, 100.0]}, {"pixel_coords": [0, 0, depth]}]
        assert clevr_label(task, objects) == slow_distance(objects), depth
    for depth in (0.0, -1.0):
        assert clevr_label(task, [{"pixel_coords": [0, 0, depth]}]) == -1  # refused by the task


def test_clevr_files_that_are_wrong_are_named(tmp_path):
    root, task = tmp_path / "CLEVR_v1.0", TASKS["clevr_count"]
    scenes = write_clevr(root)
    path = root / "scenes/CLEVR_val_scenes.json"
    whole = path.read_text()
    scenes["val"][3]["objects"] = scenes["val"][3]["objects"][:2]
    for content, message in ((whole[:-50], "val_scenes.json is damaged, or not CLEVR's"), ("[]", "or not CLEVR's"),
                             (json.dumps({"scenes": scenes["val"]}), "000003.png has label -1, but clevr_count has"),
                             (None, "val_scenes.json is not there; give the folder CLEVR_v1.0 as --source")):
        path.unlink() if content is None else path.write_text(content)
        user_error(message, prepare, task, tmp_path / "vtab", "originals", root)
    user_error("give their folder as --source", prepare, TASKS["clevr_distance"], tmp_path / "vtab", "originals")
