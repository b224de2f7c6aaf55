"""A folder holds images of one law: what a process makes now is compared with what is there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from tests.files import user_error

from .test_writer import Ramps, digest, write


@dataclass(frozen=True)
class Noise(Ramps):
    """Independent pixels; `changed` is no field, as an edited line of code is none."""

    changed: ClassVar[str] = ""

    def render(self, indices):
        images = []
        for i in indices:
            rng = np.random.default_rng([self.seed, int(i)])
            image = rng.integers(0, 256, (self.resolution, self.resolution, 3), np.uint8)
            if self.changed == "one image in two" and i % 2:
                image = 255 - image
            if self.changed == "another draw":
                image = rng.integers(0, 256, image.shape, np.uint8)
            if self.changed == "rounding":
                image = np.where(rng.random(image.shape) < 0.5, image, image ^ 1)
            images.append(image)
        return np.array(images)


@pytest.mark.parametrize("image_format", ["jpg", "png"])
@pytest.mark.parametrize("changed", ["one image in two", "another draw"])
def test_images_of_another_law_are_not_added(tmp_path, monkeypatch, image_format, changed):
    write(tmp_path, 70, Noise(), image_format=image_format)
    before = digest(tmp_path), (tmp_path / "dataset.json").read_bytes()
    monkeypatch.setattr(Noise, "changed", changed)
    match = rf"0000\d+\.{image_format} is not what Noise makes now: .* remove {tmp_path} to"
    user_error(match, lambda: write(tmp_path, 100, Noise(), image_format=image_format))
    assert before == (digest(tmp_path), (tmp_path / "dataset.json").read_bytes())
    if changed == "another draw":  # of a folder that is finished, one image is enough
        user_error(match, lambda: write(tmp_path, 70, Noise(), image_format=image_format))
    (tmp_path / f"train/00000000/00000003.{image_format}").unlink()
    user_error(match, lambda: write(tmp_path, 70, Noise(), image_format=image_format))
    # also the first of another's shard, which has no images yet
    user_error(match, lambda: write(tmp_path, 2000, Noise(), image_format=image_format, rank=1, world_size=2))


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_what_another_processor_rounds_differently_is_the_same_law(tmp_path, monkeypatch, image_format):
    write(tmp_path, 70, Noise(), image_format=image_format)
    monkeypatch.setattr(Noise, "changed", "rounding")
    assert write(tmp_path, 100, Noise(), image_format=image_format) == 30


def test_a_chaotic_process_is_warned_of(tmp_path, monkeypatch, capsys):
    write(tmp_path, 70, Noise())
    monkeypatch.setattr(Noise, "changed", "another draw")
    monkeypatch.setattr(Noise, "chaotic", True, raising=False)
    assert write(tmp_path, 100, Noise()) == 30
    said = capsys.readouterr().err
    assert said.startswith("warning: ") and said.endswith("on another kind of processor\n") and said.count("\n") == 1
