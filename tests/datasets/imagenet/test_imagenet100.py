"""ImageNet-100 from small copies of ImageNet-1k: what is written, what is left alone, and what is said."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from datasets.image_folders.folder import labelled_images, list_images
from datasets.imagenet import __main__ as command
from datasets.imagenet import imagenet100
from datasets.imagenet.imagenet100 import read_classes, write_imagenet100
from tests.files import user_error
from utils.cli import UserError

from .imagenet_copies import OTHERS, TRAIN, VAL, WANTED, expected, jpeg, pictures, state


def set_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the fixture be the whole of ImageNet."""
    monkeypatch.setattr(imagenet100, "COUNTS", {"train": 100 * TRAIN, "val": 100 * VAL})
    monkeypatch.setattr(imagenet100, "PER_CLASS", {"train": range(TRAIN, TRAIN + 1), "val": range(VAL, VAL + 1)})


def test_the_list_is_the_published_one(tmp_path, monkeypatch):
    names = read_classes()
    assert len(names) == 100 and list(names) == sorted(names)
    assert all(re.fullmatch(r"n\d{8}", synset) and name.strip() == name != "" for synset, name in names.items())
    assert names["n02869837"] == "bonnet" and names["n13040303"] == "stinkhorn"
    assert hashlib.sha256(("\n".join(names) + "\n").encode()).hexdigest() == (
        "5ee5db69d488bb799a286d8e181801c3d02798776c1ce9203e5450f64e086e07")
    monkeypatch.setattr(imagenet100, "CLASSES", tmp_path / "imagenet100.txt")
    for changed in ({**names, "n01440764": "tench"}, dict(list(names.items())[1:]), {"": ""}):
        imagenet100.CLASSES.write_text("".join(f"{synset} {name}\n" for synset, name in changed.items()))
        user_error("is not the published list", read_classes)


@pytest.mark.parametrize("copy", [False, True])
def test_the_100_classes_are_linked_or_copied_and_the_source_is_untouched(pristine, tmp_path, monkeypatch, copy):
    set_full(monkeypatch)
    before, output = state(pristine), tmp_path / "deep" / "imagenet100"
    record, worked = write_imagenet100(pristine, output, copy)
    assert worked and len(list(output.glob("*/*/*" if copy else "*/*"))) == (100 * (TRAIN + VAL) if copy else 200)
    assert pictures(output) == expected(pristine)
    assert labelled_images(output, "train")[2] == WANTED == ImageFolder(str(output / "val")).classes
    assert any(path.is_symlink() for path in output.rglob("*")) is not copy
    assert record == json.loads((output / "dataset.json").read_text()) == {
        "name": "imagenet100", "source": "ImageNet-1k", "counts": {"train": 100 * TRAIN, "val": 100 * VAL},
        "complete": True, "selection": "class-balanced", "family": "imagenet100",
        "classes_sha256": imagenet100.CLASSES_SHA256, "files": "copies" if copy else "links"}
    assert len(list_images(output)) == record["counts"]["train"]

    there = state(output)
    assert write_imagenet100(pristine, output, copy) == (record, False)
    assert state(output) == there and state(pristine) == before
    moved = output.rename(tmp_path / "moved")
    assert pictures(moved) == expected(pristine)


def test_links_work_from_any_folder_whatever_the_source_was_called(pristine, tmp_path, monkeypatch):
    (tmp_path / "name").symlink_to(pristine)
    monkeypatch.chdir(tmp_path)
    write_imagenet100("name/../imagenet", "imagenet100")
    (tmp_path / "name").unlink()
    monkeypatch.chdir("/")
    assert pictures(tmp_path / "imagenet100") == expected(pristine)


def test_a_part_of_imagenet_does_not_pass_for_all_of_it(imagenet, tmp_path, monkeypatch, capsys):
    assert write_imagenet100(imagenet, tmp_path / "small")[0]["complete"] is False  # beside the real counts
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("warning: ")
    assert "300 of 126,689 train images and 200 of 5,000 val images" in said
    assert "3 train of n01558993 (robin)" in said and said.endswith(" and 197 more\n")

    set_full(monkeypatch)
    assert write_imagenet100(imagenet, tmp_path / "whole")[0]["complete"] is True
    assert not capsys.readouterr().err
    (imagenet / "val/n02869837" / os.listdir(imagenet / "val/n02869837")[0]).unlink()
    jpeg(imagenet / "val/n13040303/extra.JPEG", 1)  # as many as before, but not the right ones
    assert write_imagenet100(imagenet, tmp_path / "whole")[0]["complete"] is False
    said = capsys.readouterr().err
    assert "200 of 200 val images" in said and "1 val of n02869837 (bonnet), 3 val of n13040303 (stinkhorn)\n" in said


def test_a_shortage_that_no_class_shows_is_said_too(imagenet, tmp_path, monkeypatch, capsys):
    set_full(monkeypatch)
    monkeypatch.setitem(imagenet100.PER_CLASS, "train", range(2, 4))
    (imagenet / "train/n02869837/n02869837_0.JPEG").unlink()
    assert write_imagenet100(imagenet, tmp_path / "out")[0]["complete"] is False
    assert "299 of 300 train images" in (said := capsys.readouterr().err)
    assert said.endswith("unusual: no class by itself\n")


@pytest.mark.parametrize("output", ["imagenet", "imagenet/sub/out", "imagenet/train", ".", "same", "same/val/out",
                                    "elsewhere/out"])
def test_neither_folder_may_lie_in_the_other(imagenet, tmp_path, output):
    (tmp_path / "same").symlink_to(imagenet)
    (imagenet / "val").rename(tmp_path / "elsewhere")
    (imagenet / "val").symlink_to(tmp_path / "elsewhere")
    before = state(tmp_path)
    user_error("are one folder, or one lies in the other", write_imagenet100, imagenet, tmp_path / output)
    assert state(tmp_path) == before


@pytest.mark.parametrize(("kind", "change", "said"), [
    ("links", "rm -r out; mkdir -p out/thesis", "holds other files; choose another folder"),
    ("links", "rm -r out; touch out", "is a file; choose another folder"),
    ("links", """echo '{"name": "squares", "count": 300}' > out/dataset.json""", "holds another dataset"),
    ("links", "echo [] > out/dataset.json", "holds another dataset; choose another folder"),
    ("links", "rm -r out/train; ln -s $PWD/imagenet/train out", "out/train leads to .*imagenet/train, not into this"),
    ("links", f"ln -s $PWD/imagenet/train/{OTHERS[0]} out/train", f"out/train/{OTHERS[0]} leads to .*, not into this"),
    ("links", "cp -r out photos; rm -r out/train/n02869837; ln -s $PWD/photos out/train/n02869837",
     "out/train/n02869837 leads to .*/photos, not into this ImageNet; choose another folder"),
    ("links", "touch out/val/notes.txt", "notes.txt is no link: this was made with --copy, or not by this command"),
    ("copies", "truncate --size 100 out/train/n02869837/n02869837_1.JPEG", "_1.JPEG is not an image of this ImageNet"),
    ("copies", "cd out/train/n02869837; mv n02869837_1.JPEG mine.jpg", "mine.jpg is not an image of this ImageNet"),
    ("links", "rm -r out imagenet/train/n01692333 imagenet/val/n02869837/*; cd imagenet/val/n13040303; for f in *; do "
     "mv $f .$f; done", r"or their images: train/ lacks n01692333 \(Gila monster\); val/ lacks n02869837 \(bonnet\), "
     r"n13040303 \(stinkhorn\); add them$"),
    ("links", "rm -r out imagenet/val/*", "val/ lacks all 100; add them$")])
def test_a_folder_with_anything_else_is_left_alone(imagenet, tmp_path, kind, change, said):
    write_imagenet100(imagenet, tmp_path / "out", kind == "copies")
    subprocess.run(["bash", "-ec", change], cwd=tmp_path, check=True)
    before = state(tmp_path)
    with pytest.raises(UserError, match=said) as info:
        write_imagenet100(imagenet, tmp_path / "out", kind == "copies")
    assert "\n" not in str(info.value) and state(tmp_path) == before


def test_links_and_copies_do_not_mix(imagenet, tmp_path):
    for name, copy in (("links", False), ("copies", True)):
        write_imagenet100(imagenet, tmp_path / name, copy)
        before = state(tmp_path)
        with pytest.raises(UserError, match=f"made {'with' if copy else 'without'} --copy"):
            write_imagenet100(imagenet, tmp_path / name, not copy)
        assert state(tmp_path) == before


def test_links_that_lead_nowhere_since_imagenet_moved_are_named(imagenet, tmp_path):
    write_imagenet100(imagenet, tmp_path / "out")
    imagenet.rename(tmp_path / "new")
    for source in (imagenet, tmp_path / "new"):
        with pytest.raises(UserError) as info:
            write_imagenet100(source, tmp_path / "out")
        said = str(info.value)
        assert re.search(rf"out/train/(n\d{{8}}) leads to {imagenet}/train/\1, which is not there \(one of 200", said)
        assert "move it back, or remove" in said
    (tmp_path / "new").rename(imagenet)
    assert write_imagenet100(imagenet, tmp_path / "out")[1] is False


def test_what_was_removed_is_made_again_and_what_imagenet_gained_is_added(imagenet, tmp_path):
    links, copies = tmp_path / "links", tmp_path / "copies"
    write_imagenet100(imagenet, links)
    write_imagenet100(imagenet, copies, copy=True)
    (links / "val/n02869837").unlink()
    jpeg(imagenet / "train/n02869837/n02869837_9.JPEG", 9)
    assert write_imagenet100(imagenet, links)[1] and write_imagenet100(imagenet, copies, copy=True)[1]
    for root in (links, copies):
        assert pictures(root) == expected(imagenet)
        assert len(list_images(root)) == 301  # as the record says


def test_copies_that_do_not_fit_are_refused_before_the_first(imagenet, tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet100.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 5, 4))
    with pytest.raises(UserError, match=r"out needs [\d.]+ KB .*, but 4 bytes are free"):
        write_imagenet100(imagenet, tmp_path / "out", copy=True)
    assert not (tmp_path / "out").exists()
    write_imagenet100(imagenet, tmp_path / "out")


def test_a_disk_without_links_is_explained(imagenet, tmp_path, monkeypatch):
    def refuse(self, target):
        raise PermissionError(1, "Operation not permitted", target)

    monkeypatch.setattr(Path, "symlink_to", refuse)
    user_error(r"cannot be made a link .*; pass --copy", write_imagenet100, imagenet, tmp_path / "out")


def test_two_at_once_do_not_write_one_folder(imagenet, tmp_path):
    (tmp_path / "out").mkdir()
    with imagenet100.locked(tmp_path / "out/.lock"):
        user_error("is being written by another process; wait for it", write_imagenet100, imagenet, tmp_path / "out")
    write_imagenet100(imagenet, tmp_path / "out")


HANG = f"""
import shutil, time
from datasets.imagenet import __main__ as command, imagenet100

def hang():
    print("here", flush=True)
    time.sleep(600)

def make(path, source, copy, make=imagenet100.make):
    if str(path).endswith(".val/{WANTED[20]}"):  # a link
        hang()
    make(path, source, copy)

def copy(original, file, copy=shutil.copyfileobj):
    if original.name.endswith("{WANTED[20]}_1.JPEG"):
        file.write(original.read(100))
        file.flush()
        hang()
    copy(original, file)

imagenet100.make, shutil.copyfileobj = make, copy
command.main()
"""


@pytest.mark.parametrize(("options", "split"), [([], "val"), (["--copy"], "train")])
def test_a_killed_run_leaves_no_part_of_a_split_and_goes_on(start, pristine, tmp_path, options, split):
    before, output = state(pristine), tmp_path / "out"
    process = start(["-c", HANG, pristine, output, *options])
    assert any(line == "here\n" for line in process.stdout)  # in the middle of `split`
    process.kill()
    process.wait()
    assert not (output / split).exists() and not (output / "dataset.json").exists()
    user_error(f"{split} is not there", labelled_images, output, split)
    assert len(list(output.glob(".train/*/.*.tmp"))) == len(options)
    first = output / f".{split}" / WANTED[0]
    inode = first.lstat().st_ino
    again = start(["-m", "datasets.imagenet", pristine, output, *options])
    said, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert said.splitlines()[-1].startswith(f"{output}: ImageNet-100, 300 train and 200 val images (a part of the set)")
    assert pictures(output) == expected(pristine) and state(pristine) == before
    assert (output / split / WANTED[0]).lstat().st_ino == inode  # what was there has stayed
    assert {path.name for path in output.iterdir()} == {".lock", "dataset.json", "train", "val"}
    assert not list(output.rglob("*.tmp"))


def test_the_command_says_what_it_did_in_one_line(pristine, tmp_path, monkeypatch, capsys):
    set_full(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["imagenet100", str(pristine), str(tmp_path / "out")])
    for end in ("as links", "as links: nothing to do"):
        command.main()
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == f"{tmp_path}/out: ImageNet-100, 300 train and 200 val images (the full set), {end}"
