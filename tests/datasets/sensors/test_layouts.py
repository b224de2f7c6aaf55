import numpy as np
import pytest

from datasets.sensors import layouts
from datasets.sensors.layouts import CsvFolder, Pamap2, Uea, basic_motions
from datasets.sensors.tables import read_table
from tests.files import user_error

from .recordings import csv_folder, pamap2


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return pamap2(tmp_path_factory.mktemp("pamap2"))


def test_windows_of_pamap2_lie_within_one_bout(recordings):
    """The published code filtered rows by activity first: a window could begin in one walk and end in another."""
    examples = Pamap2().examples(recordings, 50)
    for example in examples:
        table = read_table(recordings / "Protocol" / example.file)[example.start : example.start + 50]
        assert len(set(table[:, 1])) == 1 and len(table) == 50 and np.allclose(np.diff(table[:, 0]), 0.01)
        assert example.labels == ("walking" if table[0, 1] == 4 else "lying", example.file[7:10])
    assert {e.labels[1]: e.split for e in examples} == {"101": "train", "105": "val", "106": "test"}
    starts = {split: [e.start for e in examples if e.split == split] for split in ("train", "test")}
    assert starts["train"] == [0, 25, 50, 75, 195, 220, 245, 295, 320, 345, 370]  # overlapping by half
    assert starts["test"] == [0, 50, 195, 245, 295, 345]


def test_a_leap_in_time_ends_a_bout():
    table = np.zeros((10, 54))
    table[:, 0] = [0, 0.01, 0.02, 5, 5.01, 5.02, 5.03, 5.04, 5.05, 5.06]
    table[:, 1] = [1, 1, 1, 1, 1, 2, 2, 2, 1, 1]
    assert Pamap2().bouts(table) == [(0, 3), (3, 5), (5, 8), (8, 10)]


def test_52_channels_of_pamap2_without_gaps(recordings):
    values = Pamap2().recording(recordings, "subject101.dat")
    assert values.shape[1] == 52 and np.isfinite(values).all()
    table = read_table(recordings / "Protocol/subject101.dat")
    assert values[5, 5] == pytest.approx((table[4, 7] + table[6, 7]) / 2)
    assert values[:12, 0].tolist() == [104] * 12  # heart rate, between two that were measured


def test_what_is_no_pamap2(tmp_path):
    user_error("no subject101.dat", Pamap2().examples, tmp_path, 50)
    (tmp_path / "subject101.dat").write_text("1 2 3\n")
    user_error("has 3 columns, and PAMAP2 has 54", Pamap2().examples, tmp_path, 50)


def test_any_csv_folder(tmp_path):
    root = csv_folder(tmp_path)
    examples = CsvFolder().examples(root, 32)
    assert len([e for e in examples if e.split == "val"]) == 2 * 2 and len(examples) == 2 * (4 * 3 + 2)
    assert CsvFolder().recording(root, "slow/0.csv").shape == (64, 3)
    user_error("slow/.*.csv has 64 rows|fast/0.csv has 64 rows, too few for a window of 65", CsvFolder().examples, root,
               65)
    (root / "slow/1.csv").write_text("1,2\n" * 64)
    user_error("slow/1.csv has 2 columns, and fast/0.csv has 3", CsvFolder().examples, root, 32)
    (root / "slow/1.csv").write_text("x,y,z\n1,2,3\n1,2\n")
    user_error("slow/1.csv, line 3 has 2 values where those above have 3", CsvFolder().examples, root, 32)


TS = """#made for a test
@problemName Two
@data
1,2,3,4:10,20,30,40:Running
4,3,2,1:1,?,3,4:Standing
"""


def test_the_uea_format(tmp_path):
    (tmp_path / "Two_TRAIN.ts").write_text(TS)
    user_error("does not hold one <name>_TRAIN.ts", Uea().examples, tmp_path, 4)
    (tmp_path / "Two_TEST.ts").write_text(TS.replace("Running", "Badminton"))
    examples = Uea().examples(tmp_path, 4)
    assert [(e.split, e.labels[0]) for e in examples] == [("train", "Running"), ("train", "Standing"),
                                                          ("test", "Badminton"), ("test", "Standing")]
    assert Uea().recording(tmp_path, "Two_TRAIN.ts:1").tolist() == [[4, 1], [3, 2], [2, 3], [1, 4]]
    user_error("series 0 has 4 rows, too few for a window of 5", Uea().examples, tmp_path, 5)
    (tmp_path / "Two_TEST.ts").write_text("@data\n1,2,3,4:1,2,3:Running\n")
    user_error("series 0: its channels differ in length", Uea().recording, tmp_path, "Two_TEST.ts:0")
    (tmp_path / "Two_TEST.ts").write_text("@data\n1,2,3\n")
    user_error("holds no series with classes", Uea().examples, tmp_path, 3)


def test_basic_motions_comes_with_aeon(monkeypatch):
    def missing(name):
        raise layouts.PackageNotFoundError(name)

    monkeypatch.setattr(layouts, "distribution", missing)
    user_error("pip install --no-deps aeon", basic_motions)
