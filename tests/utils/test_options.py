from dataclasses import dataclass

from utils.cli import parser
from utils.options import add_options, from_options, option


@dataclass(frozen=True)
class Chosen:
    name: str = option("a", "one of two", ("a", "b"))
    count: int | None = option(None, "a number or none", type=int, group="numbers")
    epochs: tuple[int, ...] = option((1, 2), "some numbers", type=int, group="numbers")
    fast: bool = option(False, "a switch")


def test_fields_become_options_and_values():
    p = parser("p", None)
    add_options(p, Chosen, name="b")
    assert from_options(Chosen, p.parse_args([])) == Chosen(name="b")
    args = p.parse_args(["--count", "3", "--epochs", "4", "5", "--fast"])
    assert from_options(Chosen, args, name="a") == Chosen("a", 3, (4, 5), True)
    assert p.format_help().count("numbers:") == 1
