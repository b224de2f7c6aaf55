import numpy as np
import pytest

from datasets.sensors.tables import read_table, windows_of, without_gaps
from tests.files import user_error


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "a,b\n1,2\n3,4\n", "1 2\n3 4\n", "1;2\n3;4\n\n", "x y\n1 2\n 3 4\n"])
def test_tables_with_and_without_names(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    assert read_table(tmp_path / "a.csv").tolist() == [[1, 2], [3, 4]]


def test_missing_values(tmp_path):
    (tmp_path / "a.csv").write_text("1,,5\nNaN,2,6\n3,,\n")
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(np.isnan(table), [[False, True, False], [True, False, False], [False, True, True]])
    assert without_gaps(table).tolist() == [[1, 2, 5], [2, 2, 6], [3, 2, 6]]
    assert without_gaps(np.full((3, 1), np.nan)).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize(("text", "said"), [
    ("a,b\n1,2\n3,4,5\n", "line 3 has 3 values where those above have 2; mend"),
    ("1 2\n3\n", "line 2 has 1 values where those above have 2"),
    ("1,2\n3,walking\n", "line 2: 'walking' is no number"),
    ("", "has no rows"), ("a,b\n", "has no rows")])
def test_damaged_tables(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    user_error(rf"a\.csv.*{said}", read_table, tmp_path / "a.csv")


def test_windows_fit():
    assert windows_of(10, 4, 2) == [0, 2, 4, 6] and windows_of(10, 4, 4) == [0, 4] and windows_of(3, 4, 2) == []
