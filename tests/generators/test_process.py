"""What processes share: the key of their random streams, and random numbers."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from generators.dead_leaves import DeadLeaves
from generators.fractals.fractaldb import FractalDB
from generators.process import option, random_bytes, stream_key, white_noise
from generators.statistical.model import StatisticalModel
from generators.statistical.spectrum import Spectrum
from generators.stylegan.images import StyleGAN
from utils.seeding import generator


@pytest.mark.parametrize("process", [
    DeadLeaves(shape="oriented_square", resolution=32), FractalDB(resolution=32), Spectrum(resolution=32, seed=2),
    StatisticalModel(model="wmm", resolution=32), StyleGAN("sparse", resolution=32)])
def test_a_new_field_with_a_default_changes_no_image(process):
    cls = type(process)
    longer = dataclasses.make_dataclass(cls.__name__, [("added", int, option(3, "a field of a later version"))],
                                        bases=(cls,), frozen=True)
    fields = {field.name: getattr(process, field.name) for field in dataclasses.fields(process)}
    before = np.asarray(process.render([2]))
    np.testing.assert_array_equal(longer(**fields).render([2]), before)
    assert stream_key(longer(**fields, added=4)) != stream_key(process)


def test_every_value_has_a_stream_of_its_own():
    processes = [DeadLeaves(), DeadLeaves(resolution=64), DeadLeaves(seed=1), DeadLeaves(seed=64),
                 DeadLeaves(resolution=64, seed=1), DeadLeaves(shape="mixed"), Spectrum()]
    assert len({stream_key(process) for process in processes}) == len(processes)


def test_white_noise_is_uniform_on_256_points():
    noise = np.concatenate([white_noise(generator(9, i), (3, 7, 5), 256) for i in range(300)])
    assert noise.dtype == np.float32 and (noise % 1 == 0.5).all()
    assert stats.chisquare(np.bincount(noise.astype(int).ravel(), minlength=256)).pvalue > 0.001
    np.testing.assert_array_equal(white_noise(generator(9, 0), (3, 7, 5), 10), noise[:3] * np.float32(10 / 256))
    assert random_bytes(generator(9, 0), 13).shape == (13,)
