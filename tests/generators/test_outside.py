"""A process in a module of somebody else's: the one in the docstring, wherever a name goes, and what is no process."""

import argparse
import json
import sys
import textwrap
from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image

from generators import __main__ as command
from generators import outside
from generators.contact_sheet import source_of
from generators.named import find, make_process, open_parameters, published_size
from tests.files import contents, user_error
from training.images.sources import add_source_options, find_source

HEAD = "from dataclasses import dataclass\nimport numpy as np\n\n"
STRIPES = textwrap.dedent(outside.__doc__.split("my_module.py:\n\n")[1].split("\n\nSo a process")[0])
names = (f"module_{i}" for i in count())


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the current folder, which is `tmp_path`; returns its name, a new one each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])

    def write(text: str) -> str:
        name = next(names)
        (tmp_path / f"{name}.py").write_text(HEAD + text)
        return name

    return write


@pytest.fixture
def stripes(module):
    return f"{module(STRIPES)}:Stripes"


@pytest.fixture
def generate(monkeypatch, end):
    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["generators", *map(str, arguments)])
        code, out, err = end(command.main)
        assert code == 0, err
        return out

    return call


def test_it_stands_wherever_a_name_does(stripes):
    assert published_size(stripes) == (105_000, 128) and find(stripes).parameters == {}
    assert open_parameters(stripes) == {"resolution": int, "seed": int, "period": float}
    label, make = source_of(stripes, 1, "")
    assert label == stripes
    np.testing.assert_array_equal(make(3), make_process(stripes, seed=1).render(range(3)))


def test_a_folder_is_written_with_its_parameters_and_goes_on(stripes, generate, tmp_path):
    options = ["--resolution", 16, "--period", 5, "--format", "png", "--workers", 1]
    assert "made 3 images" in generate("--process", stripes, "--samples", 3, *options)
    assert "nothing to do" in generate(stripes, "--samples", 3, *options)
    assert "made 2 images" in generate(stripes, "--samples", 5, *options)
    folder = tmp_path / "data/small_scale" / stripes.replace(":", "-")
    record = json.loads((folder / "dataset.json").read_text())
    assert (record["name"], record["process"], record["parameters"]) == (stripes, "Stripes", {"period": 5.0})
    expected = make_process(stripes, 16, period=5.0).render([4])[0]
    np.testing.assert_array_equal(Image.open(folder / "train/00000000/00000004.png"), expected)
    generate(stripes, "--samples", 5, *options, "--output", "again")
    assert contents(folder / "train") == contents(tmp_path / "again/train")


def test_training_takes_its_images_from_worker_processes(stripes):
    p = argparse.ArgumentParser()
    add_source_options(p)
    args = p.parse_args(["--data", stripes, "--parameters", "resolution=16", "period=6", "--workers", "1"])
    data, open_images = find_source(args, torch.device("cpu"))
    assert data["record"]["parameters"] == {"period": 6.0} and data["endless"]
    stream = open_images().stream([np.array([7, 2]), np.array([9])])
    expected = make_process(stripes, 16, period=6.0).render([7, 2])
    np.testing.assert_array_equal(next(stream), expected)
    stream.close()


@pytest.mark.parametrize(("change", "said"), [
    (("(frozen=True)", ""), "is not decorated with @dataclass"),
    (("resolution: int = 128", "side: int = 128"), "has no field resolution; a process is"),
    (("seed: int = 0", "seed: int"), "Stripes has no default for resolution, seed"),
    (("def render(", "def draw("), "has no method render"),
    (("astype(np.uint8)", "astype(np.float32)"), r"must render a ndarray uint8 \[2, 128, 128, 3\], but gives a ndarray "
                                                 r"float32 \[2, 128, 128, 3\]"),
    (("(self.resolution, 1, 3)", "(9, 1, 3)"), r"but gives a ndarray uint8 \[2, 9, 128, 3\]"),
    (("default_rng((self.seed, i))", "default_rng()"), "image 0 of Stripes is another one when image 1"),
    (("class Stripes", "class Strips"), r"no class Stripes in .*module_\d+\.py; correct")])
def test_what_is_no_process_is_named_in_one_line(module, change, said):
    text = STRIPES.replace(*change)
    if "no default" in said:
        text = text.replace("resolution: int = 128", "resolution: int")
    assert text != STRIPES
    user_error(said, make_process, f"{module(text)}:Stripes")


def test_a_module_that_is_not_there_or_lacks_another(module):
    user_error("no module no_such in .* or on PYTHONPATH", find, "no_such:Stripes")
    user_error("write MODULE:CLASS", find, "a/b.py:Stripes")
    user_error(r"no class Stripes in .*utils.__init__\.py; .* rename it", find, "utils:Stripes")  # one of our names
    with pytest.raises(ModuleNotFoundError, match="another"):
        find(f"{module('import another')}:Stripes")
