"""From a run to result files to a table; heads, shares of labels, other folders, and what is refused."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

from datasets.corruptions.distortions import parse
from datasets.corruptions.severities import EXTRA, NAMES
from models.clip_tower import text_head
from train_distillation.evaluation import __main__ as evaluation
from train_distillation.evaluation import tables
from train_distillation.evaluation.measure import (
    ONE_EACH_L2,
    Images,
    accuracies,
    embed,
    fit_head,
    labelled_folder,
    read_images,
    share_of,
    summary,
)
from train_distillation.teachers import load_student, load_teacher

from .conftest import TINY, write_photos

CPU = torch.device("cpu")


@pytest.fixture
def trained(command, photos, teacher, tmp_path):
    """A finished student."""
    command("train", *TINY, "--data", photos, "--teacher", teacher, "--output", tmp_path / "mask")
    return tmp_path / "mask"


@pytest.fixture
def measure(command, photos, tmp_path):
    """The result of the evaluation with these options."""
    def call(name, *arguments):
        command(evaluation, "--data", photos, "--output", tmp_path / f"results/{name}.json", "--gpus", *arguments)
        return json.loads((tmp_path / f"results/{name}.json").read_text())

    return call


def test_from_a_run_to_the_table(trained, measure, command, ended, photos, teacher, tmp_path):
    tests = ["mask:0.5", "mask:0.75", "mask:0.9", "none"]
    own = measure("own", "--encoder", trained, "--test", *tests, "--repeats", 3, "--shares", 0.5, 1)
    assert [(row["test"], row["share"], row["repeats"]) for row in own["rows"]] == [
        (test, share, 1 if test == "none" else 3) for test in tests for share in (0.5, 1)]
    assert own["head_distortion"] == "mask:0.75" and own["kind"] == "student" and own["rows"][0]["train"] == 12
    assert str(tmp_path) not in json.dumps(own) and str(photos) not in json.dumps(own)
    clean = measure("clean", "--encoder", trained, "--head", "clean", "--test", "mask:0.75", "none")
    measure("teacher", "--encoder", teacher, "--distortion", "mask:0.75")
    ceiling = measure("teacher-clean", "--encoder", teacher, "--head", "clean", "--test", "none")
    assert clean["encoder"] == "mask" and ceiling["kind"] == "clean"
    command("supervised", *TINY, "--data", photos, "--labels", photos, "--teacher", teacher, "--output",
            tmp_path / "sup")
    measure("sup", "--encoder", tmp_path / "sup", "--head", "trained", "--test", "mask:0.75")

    arguments = ["--data", photos, "--output", tmp_path / "results/own.json", "--encoder", trained, "--gpus", "--test",
                 *tests, "--repeats", 3, "--shares", 0.5, 1]
    assert command(evaluation, *arguments) == [f"{tmp_path}/results/own.json is there"]
    code, _, err = ended(evaluation, *arguments, "--seed", 1)
    assert code == 1 and "holds another result (seed was 0, now 1)" in err

    out = command(tables, tmp_path / "results")
    (line,) = (line for line in out if line.startswith("| mask:0.75 | photos, 5 steps of 8 |"))
    assert "| 18.37 | 83.99 |" in line and " - |" not in line
    assert (tmp_path / "results/table.md").read_text().strip() == "\n".join(out).strip()
    assert (tmp_path / "results/sweep.png").stat().st_size > 1000


def test_a_supervised_network_has_a_head(command, measure, refuses, photos, teacher, trained, tmp_path):
    command("supervised", *TINY, "--data", photos, "--labels", photos, "--teacher", teacher, "--output",
            tmp_path / "sup")
    found = measure("sup", "--encoder", tmp_path / "sup", "--head", "trained", "--test", "mask:0.75", "none")
    assert found["kind"] == "supervised" and [row["train"] for row in found["rows"]] == [24, 24]
    other = write_photos(tmp_path / "two")
    rest = ("--gpus", "--output", tmp_path / "a.json")
    for split in ("train", "val"):
        (other / split / "red").rename(other / split / "purple")
    refuses("was trained on class red where --data has purple", evaluation, "--data", other, "--encoder",
            tmp_path / "sup", "--head", "trained", *rest)
    for split in ("train", "val"):
        shutil.rmtree(other / split / "purple")
    refuses("no layer of .* 2 classes", evaluation, "--data", other, "--encoder", tmp_path / "sup", "--head", "trained",
            *rest)
    refuses("has no head of its own", evaluation, "--data", photos, "--encoder", trained, "--head", "trained", *rest)


def test_zero_shot(open_clip, command, measure, refuses, photos, tmp_path):
    command("train", *TINY, "--data", photos, "--teacher", "clip:RN101", "--output", tmp_path / "clip")
    (tmp_path / "names.txt").write_text("blue\tocean, sea\ngreen\tmeadow\nred\trose\n")
    found = measure("text", "--encoder", tmp_path / "clip", "--head", "text", "--names", tmp_path / "names.txt",
                    "--test", "mask:0.5", "none")
    student, text = load_student(tmp_path / "clip"), text_head("RN101", ["ocean", "meadow", "rose"])
    images = read_images(*labelled_folder(photos / "val", ["blue", "green", "red"]), student, None, 0)
    right = (embed(student, images, parse("none"), 0, 0, CPU) @ text.T).argmax(1) == images.labels
    assert [(row["share"], row["train"]) for row in found["rows"]] == [(0, 0)] * 2
    assert found["rows"][1]["top1"] == pytest.approx(100 * right.double().mean().item(), abs=1e-3)
    (tmp_path / "names.txt").write_text("blue\tocean\n")
    refuses("no words for class green", evaluation, "--data", photos, "--encoder", tmp_path / "clip", "--head", "text",
            "--names", tmp_path / "names.txt", "--gpus", "--output", tmp_path / "a.json")


def test_other_folders_are_measured_as_they_are_or_corrupted(measure, refuses, photos, teacher, tmp_path):
    corrupted = write_photos(tmp_path / "fog", splits=(("1", 4), ("5", 4)))
    shutil.rmtree(corrupted / "5" / "blue")  # some of the classes will do
    found = measure("fog", "--encoder", teacher, "--head", "clean", "--val", corrupted / "1", corrupted / "5")
    assert [(row["test"], row["val"]) for row in found["rows"]] == [("fog/1", 12), ("fog/5", 8)]
    assert found["rows"][0]["top1"] > 90  # untrained, but colours tell
    again = measure("masked", "--encoder", teacher, "--head", "clean", "--val", corrupted / "1", "--test", "none",
                    "mask:0.9", "--repeats", 2, "--val-limit", 9)
    assert [(row["test"], row["val"], row["repeats"]) for row in again["rows"]] == [
        ("fog/1", 9, 1), ("fog/1, mask:0.9", 9, 2)] and again["tests"] == ["fog/1", "fog/1, mask:0.9"]
    assert again["rows"][1]["top1"] < again["rows"][0]["top1"]
    shutil.copy(corrupted / "1/red/0.png", corrupted / "1/red/1.png")  # another folder of that name
    refuses("holds another result", evaluation, "--data", photos, "--encoder", teacher, "--head", "clean", "--val",
            corrupted / "1", corrupted / "5", "--gpus", "--output", tmp_path / "results/fog.json")
    (corrupted / "1/red").rename(corrupted / "1/purple")
    refuses("classes that the probe does not know: purple", evaluation, "--data", photos, "--encoder", teacher,
            "--head", "clean", "--val", corrupted / "1", "--gpus", "--output", tmp_path / "b.json")


def test_embeddings_are_a_function_of_seed_draw_and_image(teacher):
    tower = load_teacher(str(teacher))
    images = Images(np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8), torch.zeros(40).long())
    a, b, c = (embed(tower, images, parse("mask:0.5"), ["test", 0], draw, CPU) for draw in (0, 0, 1))
    assert torch.equal(a, b) and not torch.isclose(a, c).all(1).any()


def test_a_student_comes_back_as_it_was(trained, photos):
    student = load_student(trained)
    assert student.sha256() != load_teacher(json.loads((trained / "config.json").read_text())["teacher"]).sha256()
    assert not student.training


def test_shares_are_stratified_and_nested():
    labels = torch.arange(1000) % 10
    large, small = share_of(labels, 0.1, 10, 0), share_of(labels, 0.015, 10, 0)
    assert labels[large].bincount().tolist() == [10] * 10 and labels[small].bincount().tolist() == [2] * 10
    assert set(small.tolist()) < set(large.tolist())
    unequal = torch.tensor([0] * 90 + [1] * 10)
    assert unequal[share_of(unequal, 0.5, 2, 0)].bincount().tolist() == [40, 10]
    assert len(share_of(labels, 0.001, 10, 0)) == 10 and len(share_of(labels, 1.0, 10, 0)) == 1000


@pytest.mark.parametrize("each", [1, 5])
def test_heads_look_at_directions_only(each):
    labels = torch.arange(4).repeat(each)
    h = torch.randn(4, 20)[labels] + 0.1 * torch.randn(len(labels), 20)
    head = fit_head(h, labels, 4, 0)
    assert ONE_EACH_L2 > 0 and accuracies(head(h), labels) == (100, 100)
    torch.testing.assert_close(head(3 * h), head(h))


def test_summaries():
    scores = torch.tensor([[0.9, 0.1, 0, 0, 0, 0], [0.5, 0.4, 0.3, 0.2, 0.1, 0], [0.1, 0.2, 0, 0, 0, 0]])
    top1, top5 = accuracies(scores, torch.tensor([0, 5, 1]))
    assert top1 == pytest.approx(200 / 3) and top5 == pytest.approx(200 / 3)
    found = summary([50, 52, 54], [90, 90, 90], 100)
    assert found["top1"] == 52 and found["top1_std"] == 2 and found["top1_error"] == pytest.approx(2 / 3**0.5, abs=1e-3)
    assert found["sampling_error"] == pytest.approx(100 * (0.52 * 0.48 / 100) ** 0.5, abs=1e-3)


@pytest.mark.parametrize(("arguments", "said"), [
    (["--test", "mask:2"], "between 0 and 1"), (["--distortion", "blur:4,1"], "odd kernel"),
    (["--train-limit", "2"], "for each of 3 classes"),
    (["--head", "trained", "--shares", "0.1"], "--head trained is not"),
    (["--head", "text"], "for CLIP teachers"), (["--shares", "0"], "--shares must be above 0"),
    (["--encoder", "nothing"], "is no file of an encoder"), (["--test", "square:99"], "does not fit into images")])
def test_bad_input_is_one_line(refuses, photos, teacher, tmp_path, arguments, said):
    refuses(said, evaluation, "--data", photos, "--encoder", teacher, "--gpus", *arguments, "--output",
            tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_a_run_that_is_not_finished(refuses, trained, photos, tmp_path):
    (trained / "done.json").unlink()
    refuses("is not finished", evaluation, "--data", photos, "--encoder", trained, "--output", tmp_path / "a.json")


def test_an_empty_folder(refuses, tmp_path):
    refuses("holds no result files", tables, tmp_path)


def test_a_line_of_the_sweep_is_of_one_condition():
    def rows(tests, head_distortion="mask:0.5-0.95", **more):
        return [{"encoder": "a", "head_distortion": head_distortion, "task": "t", "size": 64, "train_limit": 5000,
                 "restore": "", "repeats": 1, "top1": 1.0, "test": test, **more} for test in tests]

    plain = ["mask:0.5", "mask:0.75", "mask:0.9"]
    odd = ["mask:0.5-0.95", "mask:0.75,fixed", "noise:0.3,fixed", "noise:0.1", "blur:7,1.43", "none"]
    found = tables.sweeps([*rows(plain, repeats=10, top1=2.0), *rows([*odd, "mask:0.75"]), *rows(plain, task="u"),
                           *rows(plain, train_limit=None), *rows(plain, "none"), *rows(plain[:2], restore="nl-means")])
    name = "a, probe on mask:0.5-0.95, {}, {} training images"
    assert list(found) == [("mask", name.format("t", 5000)), ("mask", name.format("u", 5000)),
                           ("mask", name.format("t", "all")), ("mask", "a, probe on none, t, 5000 training images")]
    points = found["mask", name.format("t", 5000)]
    assert list(points) == [0.5, 0.75, 0.9] and all(row["top1"] == 2 for row in points.values())


def test_the_matrix_is_of_students_measured_on_other_kinds():
    said = {"kind": "student", "head": "own", "share": 1, "restore": "", "loss": "st", "hold_w": 0, "dense_w": 0,
            "curriculum": False, "sampling_error": 0.5}
    measured = [("mask:0.5", "mask:0.5", 1.0), ("mask:0.5", "noise:0.1", 2.0), ("noise:0.1", "noise:0.1", 3.0),
                ("noise:0.1", "mask:0.5", 4.0), ("blur:7,1", "blur:7,1", 5.0), ("blur:7,1", "none", 6.0)]
    found = tables.transfer_matrix([{**said, "encoder": fitted, "distortion": fitted, "test": test, "top1": top1}
                                    for fitted, test, top1 in measured])
    assert found[2:4] == ["| mask:0.5 | 1.0 ± 0.5 | 2.0 ± 0.5 |", "| noise:0.1 | 4.0 ± 0.5 | 3.0 ± 0.5 |"]
    assert len(found) == 5 and tables.transfer_matrix([]) == []


def test_imagenet_100_c_is_averaged():
    said = {"encoder": "a", "head": "own", "head_distortion": "none", "share": 1, "distortion": "multi:3"}
    rows = [{**said, "test": f"{name}/{severity}", "top1": 10.0 * severity + 38 * (name in EXTRA)}
            for name in NAMES for severity in range(1, 6)]
    assert tables.imagenet_c(rows)[2] == "| a | own | none | 100 % | 30.0 | 38.0 | 54.61 | 56.47 |"
    assert "| - | - | 54.61" in tables.imagenet_c(rows[1:])[2] and tables.imagenet_c([{**said, "test": "none"}]) == []


def test_the_authors_numbers():
    with open(tables.AUTHORS, newline="") as file:
        lines = list(csv.DictReader(file))
    assert tables.authors("student", "mask:0.9") == "82.96" and tables.authors("student", "blur:7,1.43") == "83.24"
    assert tables.authors("student", "multi:1") == "-"
    said = {"task": "photos", "head": "own", "restore": "", "share": 1}
    student = {**said, "kind": "student", "loss": "st", "hold_w": 0, "dense_w": 0, "curriculum": False,
               "distortion": "mask:0.5-0.95", "head_distortion": "mask:0.5-0.95", "test": "mask:0.9"}
    clean = {**said, "kind": "clean", "head_distortion": "noise:0.3", "test": "noise:0.3"}
    for row, value in [
            (student, "81.94"), ({**student, "loss": "mse"}, "77.35"), ({**student, "hold_w": 5}, "-"),
            ({**student, "distortion": "mask:0.9", "share": 0.005}, "65.05"), (clean, "14.82"),
            ({**student, "distortion": "mask:0.9", "test": "none", "head": "clean"}, "3.70"),
            ({**student, "distortion": "blur:7,1.43", "test": "blur:7,1.43", "share": 0, "head": "text"}, "63.00"),
            ({**student, "task": "cifar10"}, "-"),
            ({**student, "task": "cifar10", "test": "mask:0.5-0.95"}, "80.93"),
            ({**clean, "head_distortion": "none"}, "-"), ({**clean, "head": "clean", "restore": "nl-means"}, "45.64")]:
        assert tables.authors_of(row) == value
    assert all(line["test"] in ("none", "") or parse(line["test"]) for line in lines if ":" in line["test"])
