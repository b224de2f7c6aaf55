"""generate_imagenet100.sh: paths from the caller's folder, its one line, its help; the rest is in tests/datasets."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from datasets.folder import labelled_images, list_images
from datasets.imagenet.imagenet100 import read_classes

SCRIPT = Path(__file__).parents[2] / "scripts/datasets/generate_imagenet100.sh"


def generate(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", SCRIPT, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"})


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """Two train images and one val image of each class, as "my data/imagenet"."""
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(jpeg, "JPEG")
    root = tmp_path / "my data/imagenet"
    for synset in read_classes():
        for name in (f"train/{synset}/{synset}_1.JPEG", f"train/{synset}/{synset}_2.JPEG", f"val/{synset}/1.JPEG"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(jpeg.getvalue())
    return root


def test_links_then_nothing_to_do_then_copies(imagenet):
    here = imagenet.parent
    for arguments, end in ((["the links"], "as links"), (["the links"], "as links: nothing to do"),
                           (["the copies", "--copy"], "as copies")):
        done = generate("imagenet", *arguments, cwd=here)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == (
            f"{arguments[0]}: ImageNet-100, 200 train and 100 val images (a part of the set), {end}")
        assert done.stderr.startswith("warning: ") and len(done.stderr.splitlines()) == 1
        assert len(list_images(here / arguments[0])) == 200
        assert labelled_images(here / arguments[0], "val")[2] == list(read_classes())
    assert sorted(path.name for path in here.iterdir()) == ["imagenet", "the copies", "the links"]


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["imagenet"], 1, "pass the folder of ImageNet-1k and the folder to write"),
    (["imagenet", "out", "--link"], 2, "unrecognized arguments: --link"),
    (["imagenet", "out"], 1, "imagenet is not a folder"),
])
def test_bad_arguments_are_one_line_and_write_nothing(tmp_path, arguments, code, message):
    done = generate(*arguments, cwd=tmp_path)
    assert done.returncode == code and not done.stdout
    assert done.stderr.startswith("error: ") and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help_is_the_header(tmp_path):
    done = generate("--help", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.startswith("ImageNet-100: ") and "\n  bash scripts/datasets/generate" in done.stdout
    assert "set -euo" not in done.stdout and "#" not in done.stdout
