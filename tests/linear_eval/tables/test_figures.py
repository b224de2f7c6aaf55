"""The chart of a report: what is in it, where, and in which files."""

import itertools

import pytest

from linear_eval.tables.comparison import compare
from linear_eval.tables.figures import FORMATS, bar_chart, save
from tests.linear_eval.test_report import RANDOM, SPECTRUM, result


@pytest.fixture
def results() -> list[dict]:
    return [*(result({**SPECTRUM, "encoder": f"a rather long name {i}"}, 40.0 + i / 5, task=f"task {k}",
                     standard_error=0.5) for i, k in itertools.product(range(8), range(2))),
            result(RANDOM, 41.0, task="task 0", init_seed=0)]


def test_no_label_crosses_a_line_or_another_label(results):
    figure = bar_chart(compare(results))
    figure.canvas.draw()
    labels = [figure._supxlabel]
    for axes in figure.axes:
        assert all(text.get_window_extent().x0 > axes.bbox.x1 for text in axes.texts)  # lines and bars end there
        labels += [*axes.texts, axes.title, axes.xaxis.label, *axes.get_xticklabels()]
        labels += axes.get_yticklabels() if axes is figure.axes[0] else []
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    assert len(boxes) > 30 and not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    lines = sorted(float(line.get_xdata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 2)
    assert lines == [10, 41]  # chance and the baseline


def test_many_conditions_make_several_rows_of_panels():
    six, three = (bar_chart(compare([result(SPECTRUM, 40.0, task=f"task {i}") for i in range(count)]))
                  for count in (6, 3))
    assert six.get_figheight() == 2 * three.get_figheight() and six.get_figwidth() < 2 * three.get_figwidth()


def test_the_same_results_give_the_same_bytes_in_every_format(results, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert save(bar_chart(compare(results[:2])), tmp_path / name / "x", FORMATS) == ["x.png", "x.pdf", "x.svg"]
    for form, head in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        data = (tmp_path / f"a/x.{form}").read_bytes()
        assert data == (tmp_path / f"b/x.{form}").read_bytes() and data.startswith(head)
