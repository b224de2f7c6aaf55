"""The learner: its teacher stays as it is, it learns, and it resumes to the bit."""

import sys

import numpy as np
import pytest
import torch

from datasets.packed import packed_images
from models.checkpoint import load_torch
from train_distillation.batches import Batches
from train_distillation.learner import Distillation
from train_distillation.options import Options
from train_distillation.supervised import Supervised
from train_distillation.teachers import load_teacher
from training.images.streams import PackedImages
from utils.run_folder import RunFolder

from .conftest import TINY, write_photos

CPU = torch.device("cpu")


@pytest.fixture
def learner(photos, teacher):
    def make(**options):
        chosen = Options(**{"teacher": str(teacher), "batch_size": 8, "steps": 4, **options})
        return Distillation(chosen, PackedImages(packed_images(photos)), CPU)

    return make


def test_the_teacher_stays_as_it_is(learner):
    made = learner(hold_w=1.0, dense_w=1.0)
    assert made.student.sha256() == made.teacher_sha256
    for number in range(3):
        made.teacher.train()  # as a trainer does that puts all it holds into training mode
        made.step(number)
        assert not any(module.training for module in made.teacher.modules())
    assert made.teacher.sha256() == made.teacher_sha256 != made.student.sha256()
    assert all(module.training for module in made.student.modules())


@pytest.mark.parametrize("options", [{}, {"loss": "mse"}, {"hold_w": 5.0, "dense_w": 1.0}, {"layer": "conv5"},
                                     {"layer": "fc8", "loss": "both", "distortion": "multi:3"}])
def test_it_learns(learner, options):
    made = learner(lr=3e-3, **options)
    losses = [made.step(0)["loss"].item() for _ in range(12)]
    assert losses[-1] < losses[0]


def test_both_copies_share_one_crop(photos, teacher):
    tower = load_teacher(str(teacher))
    options = Options(teacher=str(teacher), batch_size=8, steps=9)
    made = Batches(PackedImages(packed_images(photos)), options, tower, CPU)
    batch = made(1)
    black = tower.normalise(torch.zeros(1, 3, 1, 1))
    masked = (batch.y == black).all(dim=1)
    assert (masked.sum((1, 2)) == 3072).all()  # three quarters, black before they are normalised
    kept = ~masked[:, None].expand_as(batch.x)
    assert torch.equal(batch.x[kept], batch.y[kept])
    again = made(1)
    assert torch.equal(again.x, batch.x) and torch.equal(again.y, batch.y)
    assert not torch.equal(made(4).x, batch.x)  # the same images an epoch later
    np.testing.assert_array_equal(batch.indices, made.pairs.order.batch(1)[1])


def numbers(folder):
    return [{key: value for key, value in line.items() if key not in ("seconds", "images_per_s")}
            for line in RunFolder(folder).metrics()]


@pytest.mark.parametrize(("what", "more"), [
    ("train", []), ("train", ["--hold_w", "5", "--dense_w", "1", "--curriculum", "--distortion", "noise:0.1-0.3"]),
    ("supervised", ["--alpha", "0.9"])])
def test_resumes_to_the_bit(command, interrupted, photos, teacher, tmp_path, what, more):
    labels = ["--labels", photos] if what == "supervised" else []
    arguments = [what, *TINY, "--data", photos, "--teacher", teacher, *labels, *more]
    out = command(*arguments, "--output", tmp_path / "whole")
    learner = {"train": Distillation, "supervised": Supervised}[what]
    begun = interrupted(learner, 3, *arguments, "--output", tmp_path / "parts")
    command(*arguments, "--output", tmp_path / "parts")
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "parts") and begun == list(range(4))
    for name in ("encoder.pth", *(["head.pth"] if labels else [])):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert command(*arguments, "--output", tmp_path / "whole") == out[-1:]


def test_another_teacher_does_not_go_on(ended, command, photos, teacher, tmp_path):
    copy = tmp_path / "encoder.pth"
    copy.write_bytes(teacher.read_bytes())
    arguments = ["train", *TINY, "--data", photos, "--teacher", copy, "--output", tmp_path / "run"]
    command(*arguments)
    (tmp_path / "run/done.json").unlink()
    state = load_torch(copy)
    torch.save({name: value + 1 for name, value in state.items()}, copy)
    code, _, err = ended(*arguments)
    assert code == 1 and "it was begun with another teacher" in err


@pytest.mark.parametrize(("arguments", "said"), [
    (["--distortion", "blur:20,5"], "odd kernel"), (["--distortion", "mask:1.5"], "between 0 and 1"),
    (["--distortion", "blur:131,9"], "needs images of more than 65"), (["--tau", "0"], "--tau must be above 0"),
    (["--layer", "fc9"], "no layer 'fc9'; choose one of conv1"), (["--teacher", "nothing"], "is no file of an encoder"),
    (["--distortion", "multi:1", "--curriculum"], "raises one level"), (["--gpus", "0", "1"], "one GPU here"),
    (["--hold_w", "1", "--hold_share", "0"], "pass --hold_share above 0"), (["--size", "4"], "cannot take images of")])
def test_bad_input_is_one_line(refuses, photos, teacher, tmp_path, arguments, said):
    refuses(said, "train", *TINY, "--data", photos, "--teacher", teacher, *arguments, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("arguments", "said"), [
    (["--distortion", "mask:1.5"], "between 0 and 1"), (["--distortion", "square:99"], "does not fit"),
    (["--layer", "fc9"], "no layer 'fc9'"), (["--teacher", "nothing"], "is no file of an encoder"),
    (["--teacher", "clip:RN101"], "pip install open_clip_torch")])
@pytest.mark.parametrize("what", ["train", "supervised"])
def test_nothing_is_packed_in_vain(refuses, monkeypatch, photos, teacher, tmp_path, what, arguments, said):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    labels = ["--labels", photos] if what == "supervised" else []
    refuses(said, what, *TINY, "--data", photos, *labels, "--teacher", teacher, *arguments, "--output",
            tmp_path / "run", "--cache", tmp_path / "cache")
    assert not list(tmp_path.iterdir())


def test_labels_must_be_those_of_the_images(refuses, photos, teacher, image_folder, tmp_path):
    refuses("--labels is missing", "supervised", *TINY, "--data", photos, "--output", tmp_path / "run")
    other = write_photos(tmp_path / "other", splits=(("train", 8),))
    (other / "train/red/0.png").write_bytes((other / "train/blue/0.png").read_bytes())
    for folder in (image_folder, other):  # the latter of as many images, of the same names
        refuses("both must be one folder", "supervised", *TINY, "--data", photos, "--labels", folder, "--teacher",
                teacher, "--output", tmp_path / "run")
