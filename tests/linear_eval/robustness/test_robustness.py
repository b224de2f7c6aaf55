import csv
import itertools
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from datasets.corruptions.corrupt import corrupt
from datasets.corruptions.published import CLASSES
from linear_eval.features.frozen import View
from linear_eval.robustness.__main__ import main as tables
from linear_eval.robustness.__main__ import mean_error
from linear_eval.robustness.corrupted import Clean, Made, view_before
from linear_eval.robustness.measure import main as measure
from models import ResNet18, random_encoder, save_encoder

COLOURS = {"blue": (80, 80, 170), "red": (170, 80, 80)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of 32×32 images, blue and red ones, 6 to train on and 4 to measure on each."""
    root = tmp_path_factory.mktemp("some") / "photos"
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 4)):
        for name, colour in COLOURS.items():
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.normal(colour, 20, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    (root / "runs/mine").mkdir(parents=True)
    save_encoder(random_encoder(0, width=0.02), root / "runs/mine/encoder.pth")
    return root


@pytest.fixture
def call(end, monkeypatch):
    def call(entry, *arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["robustness", *map(str, arguments)])
        found, out, err = end(entry)
        assert found == code, err
        return out + err

    return call


def measured(call, photos, output, *more, code=0):
    return call(measure, "--data", photos, "--encoders", photos / "runs", "--random-inits", 1, "--protocol", "knn",
                "--output", output, "--gpus", "--precision", "float32", *more, code=code)


def test_from_images_to_table_and_figure(photos, call, tmp_path):
    chosen = ("--corruptions", "brightness", "contrast", "--val-limit", 6)
    measured(call, photos, tmp_path / "a", *chosen)
    result = json.loads((tmp_path / "a/mean-colours-seed-0-knn-12-corrupted.json").read_text())
    assert set(result["corrupted"]) == {"clean", "brightness", "contrast"} and result["corrupted"]["clean"] == 100
    assert result["corruptions"]["benchmark"] == "cifar-10-c" and result["corruptions"]["images"] == 6
    assert "0 measured now" in measured(call, photos, tmp_path / "a", *chosen)
    table = call(tables, tmp_path / "a", "--output", tmp_path / "out")
    assert "photos, knn, 12 images; cifar-10-c, made here, 6 images" in table and "| mine |" in table
    assert (tmp_path / "out/robustness.png").read_bytes().startswith(b"\x89PNG")
    lines = list(csv.DictReader((tmp_path / "out/robustness.csv").read_text().splitlines()))
    assert len(lines) == 5 * 2 * 5
    row = [line for line in lines if line["encoder"] == "mean colours" and line["corruption"] == "brightness"]
    assert [float(line["accuracy_mean"]) for line in row] == result["corrupted"]["brightness"]
    path = tmp_path / "a/mine-seed-0-knn-12-corrupted.json"
    for accuracies in ([60] * 5, [100] * 5):
        changed = json.loads(path.read_text())
        changed["corrupted"] |= {"brightness": accuracies, "contrast": [60] * 5}
        path.write_text(json.dumps(changed))
        perfect = 100 in accuracies
        said = call(tables, tmp_path / "a", "--reference", "mine", "--output", tmp_path / "out", code=int(perfect))
        assert ("'mine' makes no mistakes on brightness" if perfect else "| mine | 1 | ") in said
        assert perfect or "relative to the reference" in said


def test_published_arrays(photos, call, tmp_path):
    """Severity s shows the ten test images, each of one colour, s times as dark."""
    folder, cifar = tmp_path / "CIFAR-10-C", tmp_path / "cifar"
    folder.mkdir()
    colours = np.random.default_rng(0).permutation(list(itertools.product((60, 150, 240), repeat=3)))[:10]
    plain = [np.broadcast_to(colour, (32, 32, 3)) for colour in colours]
    for split, name in itertools.product(("train", "val"), CLASSES):
        (cifar / split / name).mkdir(parents=True)
        for i in range(6):
            image = Image.fromarray(plain[CLASSES.index(name)].astype(np.uint8))
            image.save(cifar / split / name / f"{i}.png")
    images = np.stack([image // severity for severity in range(1, 6) for image in plain])
    np.save(folder / "fog.npy", images.astype(np.uint8))
    np.save(folder / "labels.npy", np.tile(np.arange(10), 5))
    measured(call, photos, tmp_path / "a", "--published", folder, "--data", cifar)
    result = json.loads((tmp_path / "a/mean-colours-seed-0-knn-60-corrupted.json").read_text())
    assert list(result["corrupted"]) == ["fog"] and result["corrupted"]["fog"][0] == 100
    assert result["corruptions"]["source"] == "published" and result["accuracy"] == 100
    assert "mean error of 1 corruptions" in call(tables, tmp_path / "a", "--output", tmp_path / "out")
    said = measured(call, photos, tmp_path / "b", "--published", folder, code=1)
    assert "photos has other classes than airplane, automobile" in said and not (tmp_path / "b").exists()
    said = measured(call, photos, tmp_path / "b", "--published", folder, "--data", cifar, "--val-limit", 5, code=1)
    assert "--val-limit is for corruptions made here" in said


def test_an_encoder_that_does_not_fit_is_refused_before_any_row_is_measured(photos, call, tmp_path):
    save_encoder(ResNet18(channels=1, width=0.125).initialize(0), tmp_path / "sound.pth")
    said = measured(call, photos, tmp_path / "a", "--encoders", tmp_path / "sound.pth", code=1)
    assert "sound is not made for images" in said and not (tmp_path / "a").exists()


def test_what_is_refused(photos, call, tmp_path):
    assert "no results on corrupted images" in call(tables, photos, "--output", tmp_path / "out", code=1)
    for split in ("train", "val"):
        for name in COLOURS:
            (tmp_path / "tiny" / split / name).mkdir(parents=True)
            Image.new("RGB", (28, 28)).save(tmp_path / "tiny" / split / name / "0.png")
    assert "32 pixels a side or more" in measured(call, photos, tmp_path / "a", "--data", tmp_path / "tiny", code=1)
    for name in ("contrast", "brightness"):
        measured(call, photos, tmp_path / name, "--corruptions", name)
    said = call(tables, tmp_path, "--output", tmp_path / "out", code=1)
    assert "differ in task, protocol, training images or corrupted images" in said and said.count("\n") == 1
    assert "0 rows are called 'alexnet'; the rows are" in call(
        tables, tmp_path / "contrast", "--reference", "alexnet", "--output", tmp_path / "out", code=1)
    assert "holds another result" in measured(call, photos, tmp_path / "contrast", "--corruptions", "fog", code=1)


def test_the_mean_corruption_error():
    """By hand: errors of 20 and 60 %, against a reference with 40 and 80 %."""
    ours = np.array([[[90, 80, 80, 80, 70], [40] * 5]], float)
    reference = np.array([[[60] * 5, [30, 10, 20, 20, 20]]], float)
    assert mean_error(ours, None) == pytest.approx([40])
    assert mean_error(ours, reference) == pytest.approx([(100 * 20 / 40 + 100 * 60 / 80) / 2])


def test_what_a_probe_sees(photos, tmp_path):
    """The image as it is stored, corrupted, and only then brought to the encoder's view."""
    paths = sorted((photos / "val/red").iterdir())
    clean = Clean(paths, view_before(paths[0]))
    assert clean.before == View(32, 32) and clean.benchmark == "cifar-10-c"
    rows, numbers, view = np.array([2, 0]), np.array([10, 11, 12, 13]), View(70, 64)
    got = Made(4, clean.corrupted("fog", 2, 0, numbers, [], torch.device("cpu"))).images(rows, view)
    stored = torch.from_numpy(np.stack([np.asarray(Image.open(paths[k])) for k in rows]))
    foggy = corrupt(stored, "fog", 2, 0, numbers[rows]).numpy()
    np.testing.assert_array_equal(got, np.stack([np.asarray(view(Image.fromarray(image))) for image in foggy]))
    Image.new("RGB", (300, 200)).save(tmp_path / "large.png")
    large = Clean([tmp_path / "large.png"], view_before(tmp_path / "large.png"))
    assert large(np.array([0])).shape == (1, 224, 224, 3) and large.benchmark == "imagenet-c"
