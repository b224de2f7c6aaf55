"""What every process shares: the key of its random streams."""

import dataclasses

import numpy as np
import pytest

from generators.dead_leaves import DeadLeaves
from generators.fractaldb import FractalDB
from generators.process import option, stream_key
from generators.spectrum import Spectrum
from generators.statistical_model import StatisticalModel
from generators.stylegan import StyleGAN


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
