from pathlib import Path

import pytest

from linear_eval.tables.marked import filled
from tests.files import user_error


def table(words: list[str]) -> str:
    return f"| {' '.join(words)} |\n"


@pytest.fixture
def document() -> str:
    return "# a\n<!-- table: x 'y z' -->\nold\n<!-- end -->\nbetween\n\n<!-- table: more -->\n<!-- end -->\nlast\n"


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(document):
    new = filled(document, table)
    assert new == ("# a\n<!-- table: x 'y z' -->\n\n| x y z |\n\n<!-- end -->\nbetween\n\n"
                   "<!-- table: more -->\n\n| more |\n\n<!-- end -->\nlast\n")
    assert filled(new, table) == new


def test_a_markdown_file_comes_as_it_is(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.md").write_text("| it |\n")
    with_file = document.replace("more -->", "more.md -->")
    assert "\n\n| it |\n\n<!-- end -->" in filled(with_file, table)
    Path("more.md").unlink()
    user_error("more.md, .* is not there", filled, with_file, table)


def test_marks_without_an_end_or_none_at_all_are_refused(document):
    user_error("0 places are marked", filled, "# a\n", table)
    user_error("2 places are marked, 1 of them with an end", filled, document.replace("old\n<!-- end -->", ""), table)
