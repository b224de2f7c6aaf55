"""A process of one's own, outside the repository: MODULE:CLASS goes wherever the name of a dataset does.

    python -m generators --process my_module:Stripes --samples 1000 --period 6   # to data/small_scale/my_module-Stripes
    python -m generators.contact_sheet my_module:Stripes --output stripes.png
    python -m train_align_uniform --data my_module:Stripes --parameters period=6 --output runs/stripes

The module is one that Python finds in the current folder or on PYTHONPATH, such as my_module.py:

    @dataclass(frozen=True)
    class Stripes:
        resolution: int = 128
        seed: int = 0
        period: float = 8.0                                   # a parameter, and so an option

        def render(self, indices):                            # uint8 [len(indices), resolution, resolution, 3], RGB
            return np.stack([self.image(np.random.default_rng((self.seed, i))) for i in indices])

        def image(self, random):
            wave = np.sin(np.arange(self.resolution) * 2 * np.pi / self.period + random.uniform(0, 2 * np.pi))
            return np.tile((127.5 + 127.5 * wave).astype(np.uint8)[:, None], (self.resolution, 1, 3))

So a process is a frozen dataclass with `resolution`, `seed` and `render(indices)`, whose fields all have defaults.
Image i is a function of the fields and i alone: then a folder, a run and a resumed run hold the same images however
many processes share the work, as with the datasets of the list. `generators.process` says what more there can be.
"""

import dataclasses
import importlib
import os
import sys

import numpy as np

from datasets.image_folders.encode import ImageProcess, rendered
from utils.cli import UserError


def load(path: str) -> type:
    """The class behind 'my_module:MyProcess'. Raises UserError if it is not there, or no process."""
    module, _, name = path.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise UserError(f"{path!r} is not understood; write MODULE:CLASS, such as my_module:MyProcess")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # behind ours; worker processes take it over
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # something that the module itself imports
            raise
        raise UserError(f"there is no module {module} in {os.getcwd()} or on PYTHONPATH; go to its folder, or set "
                        "PYTHONPATH to it") from None
    if not isinstance(getattr(found, name, None), type):
        raise UserError(f"there is no class {name} in {getattr(found, '__file__', module)}; correct the name, or, if "
                        "you mean another file, rename it: a module of ours, of Python's or of a package has its name")
    if problem := _problem(getattr(found, name)):
        raise UserError(f"{path} {problem}; a process is a frozen dataclass with resolution, seed and render(indices)")
    return getattr(found, name)


def _problem(cls: type) -> str:
    """What keeps `cls` from being a process, "" if nothing does."""
    if not dataclasses.is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "is not decorated with @dataclass(frozen=True)"
    fields = {field.name: field for field in dataclasses.fields(cls)}
    without = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    if lacking := [name for name in ("resolution", "seed") if name not in fields]:
        return f"has no field {' and no field '.join(lacking)}"
    if without:
        return f"has no default for {', '.join(without)}"
    return "" if callable(getattr(cls, "render", None)) else "has no method render(indices)"


def tried(process: ImageProcess) -> ImageProcess:
    """`process`, of which two images have been rendered. Raises UserError if they are not what the process promises, in
    type or shape (`rendered`) or because an image changes with what else is asked for."""
    if not np.array_equal(rendered(process, [1, 0])[1], rendered(process, [0])[0]):
        raise UserError(f"image 0 of {type(process).__name__} is another one when image 1 is asked for, too; draw what "
                        "is random from seed and number, as by np.random.default_rng((self.seed, index))")
    return process
