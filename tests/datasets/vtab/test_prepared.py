"""Preparing VTAB: the layout and its record, counts, interruptions, and what status says."""

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.image_folders.folder import labelled_images, list_images
from datasets.vtab import __main__ as vtab_command
from datasets.vtab.prepared import prepare, status_line
from datasets.vtab.tasks import TASKS
from tests.files import contents, user_error
from utils.cli import UserError
from utils.files import locked

from .small_shards import make_image, make_shards

SMALL = replace(TASKS["kitti_distance"], train=8, test=6)  # 4 classes
LABELS = [0, 1, 2, 3, 3, 2, 1, 0]


def test_layout_and_record_and_again_is_a_no_op(tmp_path):
    make_shards(tmp_path / "shards", LABELS, LABELS[:6])
    record = prepare(SMALL, tmp_path, source=tmp_path / "shards")
    root = tmp_path / "kitti_distance"
    assert json.loads((root / "dataset.json").read_text()) == record == {
        "name": "vtab-kitti_distance", "source": "tar shards of clip-benchmark", "counts": {"train": 8, "val": 6},
        "complete": True, "selection": "uniform", "family": "vtab", "classes": 4, "route": "shards", "split": "train",
        "note": SMALL.note("shards")}
    assert "validation images are not in the shards" in record["note"] and "kitti, VTAB from 3.1.0" in record["note"]
    paths, labels, classes = labelled_images(root, "train")
    assert classes == ["0000", "0001", "0002", "0003"] and len(list_images(root)) == 8
    assert [LABELS[int(path.stem[1:])] for path in paths] == labels.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kitti_distance", "shards"]
    times = [path.stat().st_mtime_ns for path in root.rglob("*")]
    assert prepare(SMALL, tmp_path, source=tmp_path / "shards") == record == prepare(SMALL, tmp_path)
    assert [path.stat().st_mtime_ns for path in root.rglob("*")] == times


def test_wrong_counts_are_named_and_the_same_command_goes_on(tmp_path):
    make_shards(tmp_path / "shards", LABELS[:6], LABELS[:6])
    with pytest.raises(UserError, match=r"kitti_distance: train has 6 images instead of 8; complete .*shards and run th"
                                        r"e same command again, .*incomplete to begin anew, or take .* with --partial"):
        prepare(SMALL, tmp_path, source=tmp_path / "shards")
    assert not (tmp_path / "kitti_distance").exists()
    assert status_line(SMALL, tmp_path)[1].startswith("6 of 8 train, 6 of 6 val; python -m datasets.vtab prepare kitti")
    make_shards(tmp_path / "shards", LABELS, LABELS)
    user_error("val has 8 images instead of 6", prepare, SMALL, tmp_path / "more", source=tmp_path / "shards")
    make_shards(tmp_path / "shards", LABELS, LABELS[:6])  # the source is mended
    assert prepare(SMALL, tmp_path, source=tmp_path / "shards")["complete"]
    make_shards(tmp_path / "straight", LABELS, LABELS[:6])
    prepare(SMALL, tmp_path / "b", source=tmp_path / "straight")
    assert contents(tmp_path / "kitti_distance") == contents(tmp_path / "b/kitti_distance")


@pytest.mark.parametrize("partial", [False, True])
def test_a_class_without_images_is_named_even_for_a_part(tmp_path, partial):
    make_shards(tmp_path / "shards", [0, 1, 3, 3, 1, 0, 0, 0], [1, 1, 3, 3, 1, 1])
    with pytest.raises(UserError, match="train has no image of class 2; val has no image of class 0; val has no "
                                        "image of class 2; complete"):
        prepare(SMALL, tmp_path, source=tmp_path / "shards", partial=partial)
    assert not (tmp_path / "kitti_distance").exists()


def test_a_part_is_taken_only_on_request_and_said_to_be_one(tmp_path):
    make_shards(tmp_path / "shards", LABELS[:5], LABELS[:6])
    for _ in range(2):
        assert prepare(SMALL, tmp_path, source=tmp_path / "shards", partial=True)["complete"] is False
    state, said = status_line(SMALL, tmp_path)
    assert state == "partial" and said.startswith("5 train and 6 val, shards (train); for all: fetch https://huggingface.co")
    user_error("was prepared with --partial", prepare, SMALL, tmp_path, source=tmp_path / "shards")


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path):
    make_shards(tmp_path / "shards", LABELS, LABELS[:6])
    for options, message in (
            ({"route": "originals"}, "kitti_distance cannot be prepared by --route originals; it has shards"),
            ({"source": tmp_path / "none"}, "--source .*none is not a folder"),
            ({"source": tmp_path / "vtab"}, "nshards.txt is not there")):
        (tmp_path / "vtab").mkdir(exist_ok=True)
        user_error(message, prepare, SMALL, tmp_path / "vtab", **options)
        assert not any((tmp_path / "vtab").iterdir())
    (tmp_path / "vtab/kitti_distance").mkdir()
    user_error("was not made by this command", prepare, SMALL, tmp_path / "vtab", source=tmp_path / "shards")
    assert status_line(SMALL, tmp_path / "vtab")[0] == "foreign"


def test_a_second_process_and_a_second_route_are_refused(tmp_path):
    dtd = replace(TASKS["dtd"], classes=2, train=2, test=2)
    make_shards(tmp_path / "shards", [0, 1], [0, 2])
    work = tmp_path / "dtd.incomplete"
    work.mkdir()
    with locked(work / ".lock"), pytest.raises(UserError, match=r"dtd.incomplete is in use by another process"):
        prepare(dtd, tmp_path, "shards", tmp_path / "shards")
    user_error("label 2", prepare, dtd, tmp_path, "shards", tmp_path / "shards")
    user_error("was begun by --route shards; pass that", prepare, dtd, tmp_path, "torchvision", tmp_path / "shards")
    make_shards(tmp_path / "shards", [0, 1], [0, 1])
    prepare(dtd, tmp_path, "shards", tmp_path / "shards")
    user_error("was prepared by --route shards; remove it", prepare, dtd, tmp_path, "torchvision")


def test_two_sources_are_never_mixed(tmp_path, monkeypatch, start):
    for name, labels in (("a", LABELS), ("b", LABELS[::-1])):
        make_shards(tmp_path / name, labels, LABELS[:6])
    killing = ("import os; from datasets.vtab import __main__ as command, prepared as vtab; write = vtab.write_json\n"
               "def deadly(path, value):\n"
               "    write(path, value)\n"
               "    len(value['done']) < 2 or os.kill(os.getpid(), 9)\n"
               "vtab.write_json = deadly; command.main()")
    words = ["prepare", SMALL.name, "--partial", "--root", tmp_path / "vtab", "--source", tmp_path / "a"]
    assert start(["-c", killing, *words]).wait(timeout=60) == -9
    work, before = tmp_path / "vtab/kitti_distance.incomplete", contents(tmp_path / "vtab")
    for source, said in ((tmp_path / "b", f"with --source {tmp_path}/b"), (None, "by downloading, without --source")):
        with pytest.raises(UserError) as info:
            prepare(SMALL, tmp_path / "vtab", source=source, partial=True)
        assert str(info.value) == (f"{work} was begun with --source {tmp_path}/a, not {said}; "
                                   f"pass the first again to go on, or remove {work}")
        assert contents(tmp_path / "vtab") == before
    monkeypatch.chdir(tmp_path)
    prepare(SMALL, tmp_path / "vtab", source=Path("a"))  # the same folder by another name
    prepare(SMALL, tmp_path / "straight", source=tmp_path / "a")
    assert contents(tmp_path / "vtab") == contents(tmp_path / "straight")


def test_a_prepared_folder_that_lost_an_image_is_not_called_done(tmp_path):
    make_shards(tmp_path / "shards", LABELS, LABELS[:6])
    prepare(SMALL, tmp_path, source=tmp_path / "shards")
    (tmp_path / "kitti_distance/val/.DS_Store").touch()
    prepare(SMALL, tmp_path)
    next((tmp_path / "kitti_distance/val").glob("*/*.webp")).unlink()
    with pytest.raises(UserError, match=r"kitti_distance/val holds 5 of its 6 images; remove .*/kitti_distance and run "
                                        "the same command again"):
        prepare(SMALL, tmp_path)


@pytest.mark.parametrize("text", ["{}", "{", "[]", '{"route": "shards", "source": null, "done": {"a": "b"}}'])
def test_a_damaged_note_is_one_line_among_the_others(tmp_path, monkeypatch, capsys, text):
    monkeypatch.setitem(TASKS, SMALL.name, SMALL)
    make_shards(tmp_path / "shards", LABELS[:6], LABELS[:6])
    user_error("train has 6 images", prepare, SMALL, tmp_path / "vtab", source=tmp_path / "shards")
    capsys.readouterr()
    work = tmp_path / "vtab/kitti_distance.incomplete"
    (work / "begun.json").write_text(text)
    said = f"{work}/begun.json is damaged, so what lies beside it cannot be used; remove {work}"
    command(monkeypatch, "status", "--root", tmp_path / "vtab")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20 and f"{SMALL.name:22}structured   damaged     {said}" in lines
    words = ("prepare", SMALL.name, "--partial", "--root", tmp_path / "vtab", "--source", tmp_path / "shards")
    assert command(monkeypatch, *words) == 1 and capsys.readouterr().err == f"error: {said}\n"


# Kills itself at the n-th rename or removal, of images, records and folders, for every n until a run comes through;
# after each kill a second run must go on. Forks, so that there is one start of Python for all.
KILLED_EVERYWHERE = """
import os, shutil, signal, sys
from pathlib import Path
from datasets.vtab import originals as vtab_originals
from datasets.vtab.prepared import prepare
from datasets.vtab.tasks import TASKS

task, route, source, output = TASKS[sys.argv[1]], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])

def child(root, kill_at):
    if os.fork():
        return os.wait()[1]
    left = kill_at
    def deadly(function):
        def call(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call
    os.replace, shutil.rmtree = deadly(os.replace), deadly(shutil.rmtree)
    prepare(task, root, route, source, partial=True)
    os._exit(0)

kills = 0
while child(output / str(kills), kills + 1) == signal.SIGKILL:
    assert child(output / str(kills), 0) == 0
    kills += 1
print(kills)
"""


@pytest.mark.parametrize("route", ["shards", "originals"])
def test_a_kill_at_any_moment_leaves_nothing_wrong_behind(tmp_path, start, route):
    source, task = tmp_path / "source", "kitti_distance" if route == "shards" else "clevr_distance"
    if route == "shards":
        make_shards(source, range(4), range(4))
    else:
        for split in ("train", "val"):
            (source / "images" / split).mkdir(parents=True)
            scenes = [{"image_filename": f"CLEVR_{split}_{i:06d}.png", "objects": [{"pixel_coords": [1, 1, depth]}]}
                      for i, depth in enumerate((7.0, 8.2, 8.7, 9.2, 9.7, 11.0))]
            for i, scene in enumerate(scenes):
                (source / "images" / split / scene["image_filename"]).write_bytes(make_image("png", i))
            (source / "scenes").mkdir(exist_ok=True)
            (source / f"scenes/CLEVR_{split}_scenes.json").write_text(json.dumps({"info": {}, "scenes": scenes}))
    process = start(["-c", KILLED_EVERYWHERE, task, route, source, tmp_path / "out"])
    printed, errors = process.communicate(timeout=120)
    images = 8 if route == "shards" else 12
    assert process.returncode == 0, errors
    kills = int(printed.splitlines()[-1])
    assert kills > images + 3  # each image, the records, the folder and the removal at the end
    undisturbed = contents(tmp_path / "out" / str(kills))
    assert len(undisturbed) == images + 1
    for kill in range(kills):
        assert contents(tmp_path / "out" / str(kill)) == undisturbed, f"killed at {kill}"


def command(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["vtab", *map(str, arguments)])
    return vtab_command.main()


def test_status_prints_a_command_that_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(TASKS, SMALL.name, SMALL)
    root, shards = tmp_path / "my vtab", tmp_path / "shards"
    make_shards(shards, LABELS, LABELS[:6])
    whole = (shards / "test/1.tar").read_bytes()
    (shards / "test/1.tar").write_bytes(whole[:600])
    assert command(monkeypatch, "prepare", SMALL.name, "--root", root, "--source", shards) == 1
    assert "1.tar is cut off" in capsys.readouterr().err
    (shards / "test/1.tar").write_bytes(whole)
    (shards / "train/0.tar").write_bytes(b"")  # done, so it is not read again

    command(monkeypatch, "status", "--root", root)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20 and lines[-1].endswith("my vtab: 0 of 19 tasks ready")
    assert all(line.split()[2] == "missing" and f"prepare {name} --root '{root}'" in line
               for name, line in zip(TASKS, lines[:-1], strict=True) if name != SMALL.name)
    line = next(line for line in lines if line.startswith(SMALL.name))
    assert line.split()[1:3] == ["structured", "incomplete"] and "8 of 8 train, 3 of 6 val; python -m dat" in line
    words = shlex.split(line.partition("; ")[2])
    assert words[:3] == ["python", "-m", "datasets.vtab"] and command(monkeypatch, *words[3:]) == 0
    assert "8 train and 6 val images of 4 classes, by shards (train is VTAB's train split" in capsys.readouterr().out
    command(monkeypatch, "status", "--root", root)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(SMALL.name))
    assert line.endswith("ready       8 train and 6 val, shards (train)")


def test_one_task_that_fails_does_not_keep_the_next_from_being_prepared(tmp_path, start):
    source = tmp_path / "wds"
    make_shards(source / TASKS["kitti_distance"].repository, LABELS, LABELS[:6])
    process = start(["-m", "datasets.vtab", "prepare", "dmlab", "kitti_distance", "--partial", "--root", tmp_path,
                     "--source", source])
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and len(errors.splitlines()) == 1
    assert errors.startswith("error: ") and "nshards.txt is not there" in errors
    assert f"{tmp_path}/kitti_distance: 8 train and 6 val images of 4 classes, by shards, partial" in printed
