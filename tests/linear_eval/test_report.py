import csv
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from scipy import stats

from linear_eval import report
from linear_eval.report import markdown, write_report
from linear_eval.results import read_results
from linear_eval.tables.comparison import compare
from tests.files import user_error

RANDOM = {"encoder": "random initialisation", "layer": "fc6", "width": 0.25}
SPECTRUM = {"encoder": "stat-spectrum", "layer": "fc6", "width": 0.25}


def result(row: dict, accuracy: float, train: int = 5000, seed: int = 0, task: str = "cifar10", **facts) -> dict:
    return {**row, "task": task, "task_sha256": task, "protocol": "cached", "seed": seed, "accuracy": accuracy,
            "counts": {"train": train, "train_available": 50000, "val": 10000, "classes": 10}, **facts}


@pytest.fixture
def results() -> list[dict]:
    return [
        *(result(SPECTRUM, value, seed=i, encoder_sha256=f"sha {i}") for i, value in enumerate((50.0, 51.0, 52.0))),
        *(result(RANDOM, value, seed=i, init_seed=i) for i, value in enumerate((44.0, 45.0))),
        result(RANDOM, 50.0, train=50000, init_seed=0),
        result({"encoder": "raw pixels"}, 39.0)]


@pytest.fixture
def call(tmp_path, monkeypatch):
    def command(source: Path) -> None:
        monkeypatch.setattr(sys, "argv", ["report", str(source), "--output", str(tmp_path / "table")])
        report.main()

    return command


def test_markdown(results):
    lines = markdown(compare(results)).splitlines()
    gap = 51.0 - 44.5
    low, high = stats.ttest_ind([50, 51, 52], [44, 45], equal_var=False).confidence_interval(0.95)
    assert lines[0] == ("| | cifar10, cached, 5,000 images | − random init | cifar10, cached, 50,000 images | "
                        "− random init |")
    assert lines[2] == (f"| stat-spectrum | 51.00 ± 1.00 (n = 3) | +{gap:.2f} [{low:+.2f}, {high:+.2f}] | missing |  |")
    assert lines[3] == "| random initialisation | 44.50 ± 0.71 (n = 2) |  | 50.00 (n = 1) |  |"
    assert lines[4] == "| raw pixels | 39.00 (n = 1) | -5.50 | missing |  |"


def test_csv_says_the_same(results, tmp_path):
    write_report(results, tmp_path)
    with open(tmp_path / "table.csv") as file:
        rows = {(row["encoder"], row["train"]): row for row in csv.DictReader(file)}
    assert len(rows) == 6
    spectrum = rows["stat-spectrum", "5000"]
    assert (spectrum["n"], spectrum["accuracy_mean"], spectrum["accuracy_sd"]) == ("3", "51.0000", "1.0000")
    assert float(spectrum["ci95_low"]) < float(spectrum["minus_random_init"]) == 6.5 < float(spectrum["ci95_high"])
    missing = rows["stat-spectrum", "50000"]
    assert missing["n"] == "0" and missing["accuracy_mean"] == missing["minus_random_init"] == ""


def test_compares_only_equal_width_and_layer(results):
    other = [result({**RANDOM, "width": 1.0}, 55.0, init_seed=0), result({**SPECTRUM, "layer": "conv5"}, 40.0)]
    text = markdown(compare(results + other))
    assert "| stat-spectrum (fc6, width 0.25) | 51.00 ± 1.00 (n = 3) | +6.50" in text
    assert "| stat-spectrum (conv5, width 0.25) | 40.00 (n = 1) |  |" in text  # no random initialisation at conv5
    assert "| raw pixels | 39.00 (n = 1) |  |" in text  # two random initialisations: neither is meant


def test_a_measurement_read_twice_counts_once(results, tmp_path):
    nested = {**results[0], "baselines": results[3:5]}
    for i, value in enumerate([nested, *results]):
        (tmp_path / f"{i}.json").write_text(json.dumps(value))
    (tmp_path / "config.json").write_text('{"epochs": 3}')  # not a result: passed over in a folder
    found = read_results([tmp_path, tmp_path / "0.json"])
    assert markdown(compare(found)) == markdown(compare(results))


def test_files_do_not_depend_on_the_order_of_reading(results, tmp_path):
    write_report(results, tmp_path / "a")
    write_report(results[::-1], tmp_path / "b")
    for name in ("table.md", "table.csv", "accuracy.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    with Image.open(tmp_path / "a" / "accuracy.png") as image:
        assert image.width > 600


def test_the_command(results, tmp_path, call, capsys):
    (tmp_path / "a.json").write_text(json.dumps(results[0]))
    call(tmp_path / "a.json")
    written = ["table.md", "table.csv", "accuracy.png"]
    table = (tmp_path / "table" / "table.md").read_text()
    assert capsys.readouterr().out == f"{table}\n{tmp_path / 'table'}: wrote {', '.join(written)}\n"
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == sorted(written)


def test_results_of_the_probe_before_are_named_beside_newer_ones(results, tmp_path, call, capsys):
    newer = [{**each, "contents_sha256": "of now"} for each in results]
    for name, held, warning in (("new", newer, ""), ("old", results, ""), ("both", [*results[1:], newer[0]],
                                                                        "warning: 6 results of protocol cached, ")):
        (tmp_path / name).mkdir()
        for i, each in enumerate(held):
            (tmp_path / name / f"{i}.json").write_text(json.dumps(each))
        call(tmp_path / name)
        said = capsys.readouterr().err
        assert said.startswith(warning) and bool(said) == bool(warning)


def test_partial_tasks_are_named_in_one_line(results, tmp_path, call, capsys):
    for i, task in enumerate(("vtab-svhn", "vtab-dtd", "cifar10")):
        (tmp_path / f"{i}.json").write_text(json.dumps(result(SPECTRUM, 40.0, task=task, task_complete=False)))
    call(tmp_path)
    assert capsys.readouterr().out.splitlines()[-2] == (
        "left out beside the published figures, because some of their images were missing when they were probed: "
        "vtab-dtd, vtab-svhn")


def test_odd_names_break_no_table():
    lines = markdown(compare([result({"encoder": "a|b\nc"}, 40.0, task="x|y")])).splitlines()
    assert lines[0] == r"| | x\|y, cached, 5,000 images | − random init |"
    assert lines[2] == r"| a\|b c | 40.00 (n = 1) |  |"


def test_results_on_imagenet100_and_vtab_make_tables_of_their_own(results, tmp_path):
    others = [result(SPECTRUM, 40.0, task=task) for task in ("imagenet100", "vtab-dtd")]
    _, written = write_report([*results, *others], tmp_path)
    names = ["table.md", "table.csv", "accuracy.png"]
    names += [f"{name}.{end}" for name in ("imagenet100", "vtab") for end in ("md", "csv", "png")]
    assert written == names and all((tmp_path / name).stat().st_size for name in names)


def test_two_runs_of_one_cell_leave_nothing_written(results, tmp_path, call):
    (tmp_path / "a.json").write_text(json.dumps(results[0]))
    (tmp_path / "b.json").write_text(json.dumps(results[0] | {"encoder_sha256": "other", "accuracy": 10.0}))
    user_error(r"a.json and .*b.json hold two runs of one cell", call, tmp_path)
    assert not (tmp_path / "table").exists()


def test_the_committed_tables_are_those_of_the_committed_results(tmp_path):
    committed = Path(__file__).parents[2] / "results" / "photos"
    write_report(read_results([committed]), tmp_path)
    for name in ("table.md", "table.csv"):
        assert (tmp_path / name).read_bytes() == (committed / name).read_bytes(), name


def test_precisions_are_rows_of_their_own_that_say_so(results, tmp_path):
    """Never a mean over both, nor a difference to the other's random initialisation."""
    mixed = [row | ({"precision": "float32" if row["seed"] else "bfloat16"} if "layer" in row else {})
             for row in results]
    lines = markdown(compare(mixed)).splitlines()
    assert lines[2].startswith("| stat-spectrum (float32) | 51.50 ± 0.71 (n = 2) | +6.50 |")
    assert lines[3].startswith("| stat-spectrum (bfloat16) | 50.00 (n = 1) | +6.00 |")
    assert [line.split("|")[1].strip() for line in lines[4:7]] == [
        "random initialisation (bfloat16)", "random initialisation (float32)", "raw pixels"]
    write_report(mixed, tmp_path)
    with open(tmp_path / "table.csv") as file:
        assert {(row["encoder"], row["precision"]) for row in csv.DictReader(file)} == {
            (name, precision) for name in ("stat-spectrum", "random initialisation")
            for precision in ("bfloat16", "float32")} | {("raw pixels", "")}
    same = [row | {"precision": "bfloat16"} for row in results]
    assert markdown(compare(same)) == markdown(compare(results))  # one precision needs no mention


def test_tables_go_into_the_marked_places_of_a_document(results, tmp_path, monkeypatch, end):
    (tmp_path / "a.json").write_text(json.dumps(results[0]))
    document = tmp_path / "doc.md"
    document.write_text(f"# a\n\n<!-- table: {tmp_path} -->\n<!-- end -->\n")
    monkeypatch.setattr(sys, "argv", ["report", "--into", str(document)])
    assert end(report.main)[0] == 0
    text = document.read_text()
    assert f"-->\n\n{markdown(compare(results[:1]))}\n<!-- end -->\n" in text and report.filled(text) == text
    monkeypatch.setattr(sys, "argv", ["report", "--into", str(document), "--output", "x"])
    assert end(report.main)[0] == 1


def test_a_single_run_has_its_standard_error_and_tasks_their_counts_and_chance(results, tmp_path):
    one = [{**results[0], "standard_error": 0.5}, *results[3:5]]
    lines = markdown(compare(one)).splitlines()
    assert lines[2].startswith("| stat-spectrum | 50.00 (n = 1, s.e. 0.50) | +5.50 |")
    assert lines[-1] == "cifar10: 10,000 validation images of 10 classes, chance 10 %."
    write_report(one, tmp_path)
    with open(tmp_path / "table.csv") as file:
        assert [row["standard_error"] for row in csv.DictReader(file)] == ["0.5000", ""]


def test_rows_and_baseline_are_chosen(results, tmp_path, monkeypatch, end):
    (tmp_path / "results").mkdir()
    for i, each in enumerate([*results, result({**SPECTRUM, "encoder": "stat-wmm"}, 40.0)]):
        (tmp_path / f"results/{i}.json").write_text(json.dumps(each))
    monkeypatch.setattr(sys, "argv", ["report", f"{tmp_path}/results", "--output", f"{tmp_path}/out", "--format", "svg",
                                      "pdf", "--rows", "raw pixels", "stat-*", "--baseline", "stat-wmm"])
    code, out, err = end(report.main)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("| | cifar10, cached, 5,000 images | − stat-wmm |")
    assert [line.split(" | ")[:3] for line in lines[2:5]] == [
        ["| raw pixels", "39.00 (n = 1)", "-1.00"], ["| stat-spectrum", "51.00 ± 1.00 (n = 3)", "+11.00"],
        ["| stat-wmm", "40.00 (n = 1)", ""]]
    assert lines[5] == "" and {path.name for path in (tmp_path / "out").iterdir()} == {
        "table.md", "table.csv", "accuracy.svg", "accuracy.pdf"}
    monkeypatch.setattr(sys, "argv", ["report", f"{tmp_path}/results", "--output", "x", "--baseline", "none"])
    code, _, err = end(report.main)
    assert code == 1 and "there is no row 'none'; there are stat-spectrum" in err


def test_a_width_is_shown_as_it_was_asked_for():
    narrow = [result({**SPECTRUM, "width": 410 / 4096}, 40.0), result({**SPECTRUM, "width": 1.0}, 45.0)]
    assert "| stat-spectrum (width 0.1) |" in markdown(compare(narrow))
