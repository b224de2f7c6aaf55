"""The list of named datasets."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from datasets.image_folders.writer import IMAGES_A_CHUNK, write_image_folder
from generators import dead_leaves_textures, torch_process
from generators.dead_leaves_textures import FEWEST
from generators.named import find, make_process, named_datasets, needs, process_class, published_size, settings
from models.checkpoint import random_encoder, save_encoder
from tests.files import user_error


@pytest.fixture
def cheap(make_images, tmp_path, monkeypatch):
    """Parameters that make any named dataset cheap to render: own textures, a small encoder, two steps of ascent."""
    monkeypatch.setattr(dead_leaves_textures, "CACHE", tmp_path / "textures")
    encoder = tmp_path / "encoder.pth"
    save_encoder(random_encoder(0, 1 / 96), encoder)
    parameters = {"textures": str(make_images(tmp_path / "own", FEWEST)), "encoder": str(encoder), "steps": 2}

    def of(name: str) -> dict[str, object]:
        fields = {field.name for field in dataclasses.fields(process_class(find(name).process))}
        return {key: value for key, value in parameters.items()
                if key in fields and (key != "encoder" or needs(name, "encoder"))}

    return of


@pytest.mark.parametrize("name", named_datasets())
def test_every_named_dataset_renders(name, cheap):
    process = make_process(name, resolution=32, seed=2, **cheap(name))
    assert process.resolution == 32 and process.seed == 2
    images = process.render([2, 3, 4])
    assert isinstance(images, np.ndarray) and images.dtype == np.uint8
    assert images.shape == (3, 32, 32, 3) and all(image.std() > 1 for image in images)
    torch_process._rendered.cache_clear()
    for part in ([1], [2, 0], [1, 1], []):  # whatever is asked for
        np.testing.assert_array_equal(process.render([2 + k for k in part]), images[part])
    assert not np.array_equal(make_process(name, resolution=32, seed=1, **cheap(name)).render([2]), images[:1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        process.seed = 3


def test_the_published_resolution_is_the_default():
    assert make_process("stat-wmm").resolution == 128 and make_process("stylegan-oriented").resolution == 256


def test_figure_letters_are_distinct_and_fourteen_were_trained():
    letters = [entry.figure for entry in named_datasets().values() if entry.figure != "-"]
    assert len(set(letters)) == len(letters) and sorted(letters) == letters
    assert sum(entry.trained for entry in named_datasets().values()) == 14


def test_unknown_name_lists_the_names():
    user_error(r"'dead_leaf'.*dead_leaves-squares.*stat-spectrum", make_process, "dead_leaf")


def test_every_process_module_is_named():
    """A new process gets a name, or nobody finds it."""
    sources = Path(dead_leaves_textures.__file__).parent.rglob("*.py")
    commands = {path for source in sources for path in re.findall(r'process_command\("(\S+)"\)', source.read_text())}
    assert commands == {entry.process for entry in named_datasets().values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", named_datasets())
def test_two_workers_write_the_same_files_as_one(name, cheap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a worker, which knows nothing of the patches of `cheap`, keeps textures
    process = make_process(name, resolution=32, **cheap(name))
    samples = 2 * getattr(process, "chunk", IMAGES_A_CHUNK) + 10  # the first chunk is made without workers
    for workers in (1, 2):
        write_image_folder(process, tmp_path / str(workers), samples, name=name, workers=workers)
    files = [sorted((tmp_path / workers).rglob("*.jpg")) for workers in ("1", "2")]
    assert len(files[0]) == samples
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_settings_are_the_parameters_left_open():
    assert settings("stylegan-oriented", ["resolution=64", "draw=1", "device=cpu"]) == {"resolution": 64, "draw": 1,
                                                                                      "device": "cpu"}
    assert settings("feature_vis-dead_leaves", ["encoder=a=b.pth"]) == {"encoder": "a=b.pth"}
    assert make_process("dead_leaves-mixed", **settings("dead_leaves-mixed", ["seed=3"])).seed == 3


@pytest.mark.parametrize(("pair", "said"), [
    ("variant=random", "a parameter of stylegan-oriented: tie, draw, resolution"), ("draw", "write PARAMETER=VALUE"),
    ("draw=two", "draw should be of type int, not 'two'")])
def test_settings_that_cannot_be(pair, said):
    user_error(said, settings, "stylegan-oriented", [pair])


def test_sizes():
    assert published_size("stylegan-oriented") == (105_000, 256) and published_size("stat-wmm") == (105_000, 128)
    assert published_size("stat-wmm", "large") == (1_300_000, 256)
    assert published_size("fractaldb-1k") == published_size("fractaldb-1k", "large") == (1_000_000, 362)
