"""Command-line options made from the fields of a dataclass, for image processes and for learners.

    @dataclass(frozen=True)
    class Options:
        epochs: int = option(200, "passes over the images", type=positive_int, group="optimisation")

    add_options(parser, Options)
    options = from_options(Options, parser.parse_args())
"""

import argparse
import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, get_type_hints

Chosen = TypeVar("Chosen")


def option(default: Any, help: str, choices: tuple[Any, ...] | None = None, *, type: Callable[[str], Any] | None = None,
           group: str = "", **more: Any) -> Any:
    """A dataclass field that is also an option of the command line.

    type: makes a value of its text; by default the annotation does. A default that is a bool is switched to True by the
    option's name alone, and one that is a tuple takes any number of values. group: the heading that --help shows it
    under. A field without help is no option: it keeps its default. What `more` says is kept in the field's metadata.
    """
    metadata = {"help": help, "choices": choices, "type": type, "group": group, **more}
    return dataclasses.field(default=default, metadata=metadata)


def _about(field: dataclasses.Field) -> Mapping[str, Any]:
    """What `option` was told of a field; a field that it did not make is an option, too."""
    return field.metadata if "help" in field.metadata else option(field.default, "see the class").metadata


def add_options(parser: argparse.ArgumentParser, cls: type, fixed: Collection[str] = (), **defaults: Any) -> None:
    """An option for each field of the dataclass `cls` but the `fixed` ones; `defaults` replace the fields'."""
    groups: dict[str, Any] = {"": parser}
    types = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        about = _about(field)
        if field.name in fixed or not about["help"]:
            continue
        default = defaults.get(field.name, field.default)
        if about["group"] not in groups:
            groups[about["group"]] = parser.add_argument_group(about["group"])
        how: dict[str, Any] = {"action": "store_true"}
        if not isinstance(default, bool):
            how = {"type": about["type"] or types[field.name], "choices": about["choices"]}
            how |= {"nargs": "*"} if isinstance(default, tuple) else {}
        groups[about["group"]].add_argument(f"--{field.name}", default=default, help=about["help"], **how)


def from_options(cls: type[Chosen], args: argparse.Namespace, **fixed: Any) -> Chosen:
    """A `cls` with the values of its options (`add_options`) and of `fixed`."""
    values = {field.name: getattr(args, field.name) for field in dataclasses.fields(cls)
              if field.name not in fixed and _about(field)["help"]}
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}, **fixed)
