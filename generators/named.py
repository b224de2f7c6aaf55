"""The named datasets of datasets.yaml, and the processes that make them.

In place of a name all functions here take MODULE:CLASS, a process outside the repository (`generators.outside`).
"""

import dataclasses
import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from datasets.image_folders.encode import ImageProcess
from generators import outside
from utils.cli import UserError

SCALES = {"small": (105_000, None), "large": (1_300_000, 256)}  # images, resolution (None: as published)


@dataclass(frozen=True)
class NamedDataset:
    """One entry of datasets.yaml, where the fields are explained."""

    name: str
    figure: str
    process: str
    parameters: dict[str, Any]
    resolution: int
    trained: bool
    samples: int | None = None
    not_in_study: str = ""


@functools.cache
def named_datasets() -> dict[str, NamedDataset]:
    """All named datasets by name, in the order of the file."""
    entries = yaml.safe_load(Path(__file__).with_name("datasets.yaml").read_text())
    return {name: NamedDataset(name=name, **entry) for name, entry in entries.items()}


def known(name: str) -> bool:
    """Whether `name` is one of the list or has the form MODULE:CLASS."""
    return ":" in name or name in named_datasets()


def find(name: str) -> NamedDataset:
    """The dataset called `name`. Raises UserError that lists the names if there is none (or `outside.load`)."""
    if ":" in name:
        return NamedDataset(name, "-", name, {}, outside.load(name).resolution, trained=False)  # a field's default
    if name not in named_datasets():
        raise UserError(f"there is no dataset called {name!r}; the names are {', '.join(named_datasets())}")
    return named_datasets()[name]


def process_class(path: str) -> type:
    """The class behind a process entry: 'dead_leaves.DeadLeaves' -> generators.dead_leaves.DeadLeaves."""
    if ":" in path:
        return outside.load(path)
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"generators.{module}"), name)


def needs(name: str, parameter: str) -> bool:
    """Whether a named dataset leaves this parameter to the user: it is "" in the file. Raises UserError (`find`)."""
    return find(name).parameters.get(parameter) == ""


def published_size(name: str, scale: str = "small") -> tuple[int, int]:
    """Images and their resolution at one of SCALES; a dataset with a size of its own has one scale. Raises UserError
    (`find`)."""
    entry = find(name)
    samples, resolution = SCALES[scale]
    return (entry.samples, entry.resolution) if entry.samples else (samples, resolution or entry.resolution)


def open_parameters(name: str) -> dict[str, type]:
    """The parameters that a named dataset does not fix, with their types. Raises UserError (`find`)."""
    entry = find(name)
    cls = process_class(entry.process)
    types = get_type_hints(cls)
    return {field.name: types[field.name] for field in dataclasses.fields(cls)
            if field.name not in entry.parameters or needs(name, field.name)}


def settings(name: str, pairs: Sequence[str]) -> dict[str, Any]:
    """What `make_process` takes from words such as 'resolution=128': `open_parameters` by value.

    Raises UserError for a word of another form, a parameter that is not open, and a value not of its type.
    """
    types, result = open_parameters(name), {}
    for pair in pairs:
        parameter, equals, value = pair.partition("=")
        if parameter not in types or not equals:
            raise UserError(f"{pair!r} is not understood; write PARAMETER=VALUE, with a parameter of {name}: "
                            f"{', '.join(types)}")
        try:
            result[parameter] = types[parameter](value)
        except ValueError:
            raise UserError(f"{parameter} should be of type {types[parameter].__name__}, not {value!r}") from None
    return result


def make_process(name: str, resolution: int | None = None, seed: int = 0, encoder: str = "",
                 **changes: Any) -> ImageProcess:
    """The process of a named dataset, at its published resolution unless told otherwise. `changes` replace parameters
    of the file; `encoder` is used only where the file leaves it to the user. Raises UserError (`find`)."""
    entry = find(name)
    changes |= {"encoder": encoder} if needs(name, "encoder") else {}
    resolution = entry.resolution if resolution is None else resolution
    process = process_class(entry.process)(**{**entry.parameters, "resolution": resolution, "seed": seed, **changes})
    return outside.tried(process) if ":" in name else process
