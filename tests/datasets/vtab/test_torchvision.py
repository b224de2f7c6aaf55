"""torchvision's datasets from small files in their formats on disk.

Where torchvision checks a hash before it reads (CIFAR-100, SVHN, Flowers), that check alone is replaced, by one that
the file is there; all else is torchvision's own reading.
"""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as tv
from PIL import Image
from scipy.io import savemat

from datasets.image_folders.record import make_record
from datasets.vtab import prepared as vtab
from datasets.vtab.prepared import prepare
from datasets.vtab.tasks import TASKS
from tests.files import user_error
from utils.cli import UserError

from .small_shards import make_image

RANDOM = np.random.default_rng(0)
Written = dict[str, list[tuple[int, np.ndarray | bytes]]]  # (label, pixels or file) of our train and val


def pixels(count: int, size: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def cifar100(root: Path) -> Written:
    (root / "cifar-100-python").mkdir()
    written = {}
    for split, name, count in (("train", "train", 200), ("val", "test", 100)):
        images, labels = pixels(count, 32), [int(label) for label in RANDOM.permutation(np.arange(count) % 100)]
        batch = {"data": images.transpose(0, 3, 1, 2).reshape(count, -1), "fine_labels": labels, "coarse_labels": []}
        (root / "cifar-100-python" / name).write_bytes(pickle.dumps(batch))
        written[split] = list(zip(labels, images, strict=True))
    (root / "cifar-100-python/meta").write_bytes(pickle.dumps({"fine_label_names": [str(i) for i in range(100)]}))
    return written


def svhn(root: Path) -> Written:
    written = {}
    for split, name, count in (("train", "train", 30), ("val", "test", 20)):
        images, digits = pixels(count, 32), RANDOM.permutation(np.arange(count) % 10)
        stored = np.where(digits == 0, 10, digits).astype(np.uint8)  # the files call the digit 0 ten
        savemat(root / f"{name}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": stored[:, None]})
        written[split] = list(zip(digits.tolist(), images, strict=True))
    return written


def dtd(root: Path) -> Written:
    written, classes = {"train": [], "val": []}, [f"texture{i:02d}" for i in range(47)]
    (root / "dtd/dtd/labels").mkdir(parents=True)
    for n, (split, name) in enumerate((("train", "train"), ("train", "val"), ("val", "test"))):
        lines = []
        for label, texture in enumerate(classes):
            (root / "dtd/dtd/images" / texture).mkdir(parents=True, exist_ok=True)
            file = f"{texture}_{n:04d}.jpg"
            (root / "dtd/dtd/images" / texture / file).write_bytes(make_image("jpg", 100 * n + label))
            lines.append(f"{texture}/{file}\n")
            written[split].append((label, make_image("jpg", 100 * n + label)))
        (root / f"dtd/dtd/labels/{name}1.txt").write_text("".join(lines))
        (root / f"dtd/dtd/labels/{name}2.txt").write_text("")  # another partition, not VTAB's
    return written


def flowers102(root: Path) -> Written:
    (root / "flowers-102/jpg").mkdir(parents=True)
    numbers = RANDOM.permutation(306)
    labels = np.empty(306, int)
    labels[numbers] = np.arange(306) % 102
    splits = {"trnid": numbers[:102], "valid": numbers[102:204], "tstid": numbers[204:]}
    savemat(root / "flowers-102/imagelabels.mat", {"labels": labels[None] + 1})
    savemat(root / "flowers-102/setid.mat", {name: ids[None] + 1 for name, ids in splits.items()})
    for i in range(306):
        (root / f"flowers-102/jpg/image_{i + 1:05d}.jpg").write_bytes(make_image("jpg", i))
    return {split: [(int(labels[i]), make_image("jpg", i)) for name in names for i in splits[name]]
            for split, names in (("train", ("trnid", "valid")), ("val", ("tstid",)))}


def pets(root: Path) -> Written:
    for folder in ("images", "annotations"):
        (root / "oxford-iiit-pet" / folder).mkdir(parents=True)
    written = {}
    for n, (split, name) in enumerate((("train", "trainval"), ("val", "test"))):
        lines, written[split] = [], []
        for label in range(37):
            data = make_image("jpg", 100 * n + label)
            (root / f"oxford-iiit-pet/images/Breed_{label:02d}_{n}.jpg").write_bytes(data)
            lines.append(f"Breed_{label:02d}_{n} {label + 1} {1 + label % 2} 1\n")
            written[split].append((label, data))
        (root / f"oxford-iiit-pet/annotations/{name}.txt").write_text("".join(lines))
    return written


def patch_camelyon(root: Path) -> Written:
    h5py = pytest.importorskip("h5py")
    (root / "pcam").mkdir()
    written = {"train": [], "val": []}
    for split, name, count in (("train", "train", 6), ("train", "valid", 4), ("val", "test", 4)):
        images, labels = pixels(count, 96), np.arange(count) % 2
        for kind, key, data in (("x", "x", images), ("y", "y", labels.astype(np.uint8).reshape(-1, 1, 1, 1))):
            with h5py.File(root / f"pcam/camelyonpatch_level_2_split_{name}_{kind}.h5", "w") as file:
                file[key] = data
        written[split] += zip(labels.tolist(), images, strict=True)
    return written


@pytest.fixture
def no_hashes(monkeypatch):
    for module in (tv.cifar, tv.svhn, tv.flowers102):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: Path(path).is_file())


@pytest.mark.parametrize("write", [cifar100, svhn, dtd, flowers102, pets, patch_camelyon])
def test_trainval_and_test_as_they_are_in_the_source(tmp_path, no_hashes, write):
    (tmp_path / "torchvision").mkdir()
    written = write(tmp_path / "torchvision")
    task = replace(TASKS[write.__name__], trainval=len(written["train"]), test=len(written["val"]))
    record = prepare(task, tmp_path, "torchvision", tmp_path / "torchvision")
    assert record == make_record(f"vtab-{task.name}", "torchvision", {"train": task.trainval, "val": task.test},
                                 selection="uniform", family="vtab", classes=task.classes, route="torchvision",
                                 split="trainval", note=None)
    for split, images in written.items():
        expected = sorted((label, image if isinstance(image, bytes) else image.tobytes()) for label, image in images)
        arrays = not isinstance(images[0][1], bytes)
        found = sorted((int(path.parent.name), np.asarray(Image.open(path)).tobytes() if arrays else path.read_bytes())
                       for path in (tmp_path / task.name / split).glob("*/*"))
        assert found == expected


def test_files_that_are_missing_or_damaged_are_one_line(tmp_path, monkeypatch):
    source = tmp_path / "torchvision"
    source.mkdir()
    svhn(source)  # with torchvision's own check of the hash
    for name in ("svhn", "dtd"):
        with pytest.raises(UserError, match=rf"torchvision cannot read {name} in .* \(Dataset not found.*\); give "
                                            "torchvision's root folder as --source") as info:
            prepare(TASKS[name], tmp_path / "vtab", "torchvision", source)
        assert "\n" not in str(info.value) and not any((tmp_path / "vtab").iterdir())

    def no_network(*arguments, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(tv.svhn, "download_url", no_network)
    user_error(r"\(no route to host\); see that there is a network and room", prepare, TASKS["svhn"], tmp_path / "vtab")


def test_a_download_that_was_cut_off_is_begun_anew(tmp_path, monkeypatch):
    fetched = []

    def fetch(url, download_root, **options):
        dtd(Path(download_root).parent)  # refuses to unpack over what is there
        fetched.append(url)
        if len(fetched) == 1:  # as a kill would, with half of it unpacked
            for path in sorted(Path(download_root).glob("dtd/images/*/*"))[70:]:
                path.unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(tv.dtd, "download_and_extract_archive", fetch)
    task = replace(TASKS["dtd"], trainval=94, test=47)
    with pytest.raises(KeyboardInterrupt):
        prepare(task, tmp_path)

    def interrupt(folder, image):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(vtab, "write_image", interrupt)
        prepare(task, tmp_path)
    assert len(fetched) == 2
    assert prepare(task, tmp_path)["complete"] and len(fetched) == 2  # what came back whole is not fetched again


def test_without_h5py_patch_camelyon_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    user_error(r"needs h5py \(pip install h5py\)", prepare, TASKS["patch_camelyon"], tmp_path, "torchvision", tmp_path)
