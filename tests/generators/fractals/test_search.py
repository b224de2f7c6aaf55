"""The search for categories: the file is what the search finds, and what it finds is what it says."""

import itertools
import sys

import numpy as np
import pytest
from scipy import stats

from generators.fractals import search as fractal_search
from generators.fractals.fractaldb import CATEGORIES, categories, chaos_game, choose_maps
from generators.fractals.search import as_csv, candidate, check_system, main, search
from tests.files import user_error


def test_the_file_is_what_the_search_finds(tmp_path, monkeypatch, capsys):
    output = tmp_path / "found.csv"
    monkeypatch.setattr(sys, "argv", ["fractal_search", "--categories", "10", "--output", str(output)])
    main()
    text = output.read_text()
    assert text.count("\n") > 20 and CATEGORIES.read_text().startswith(text)
    assert "10 categories of" in capsys.readouterr().out


@pytest.mark.slow
def test_the_whole_file_is_what_the_search_finds():
    assert as_csv(search(1000, 0)[0]) == CATEGORIES.read_text()


def test_the_file_holds_what_is_claimed():
    maps = categories()
    assert len(maps) == 1000 and {len(m) for m in maps} == set(range(2, 8))
    parameters = np.concatenate(maps)
    assert np.abs(parameters).max() <= 1
    np.testing.assert_array_equal(parameters, parameters.round(5))
    assert as_csv(maps) == CATEGORIES.read_text()


def test_categories_fill_a_fifth_of_the_frame(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fractal_search, "POINTS", 1)  # maps alone, to find which candidates became categories
        numbers, candidates = [], ((number, candidate(0, number)[0]) for number in itertools.count())
        for maps in categories()[:200]:
            numbers.append(next(number for number, drawn in candidates if np.array_equal(drawn, maps)))
    for number, maps in zip(numbers, categories(), strict=False):
        # The game that the search saw, so that the limit holds with no tolerance.
        points, _ = chaos_game(maps, choose_maps(maps, candidate(0, number)[1]))
        column, row = (500 * (points - points.min(axis=0)) / np.ptp(points, axis=0)).astype(int).T
        assert np.count_nonzero(np.bincount(501 * row + column)) >= 0.2 * 512**2


def test_candidates_follow_their_distribution():
    drawn = [candidate(1, number)[0] for number in range(2000)]
    counts = np.bincount([len(maps) for maps in drawn], minlength=8)
    assert counts[:2].sum() == 0 and stats.chisquare(counts[2:]).pvalue > 0.001
    parameters = np.concatenate(drawn)
    for column in parameters.T:
        assert stats.kstest(column, stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_candidates_depend_on_seed_and_number_alone():
    (maps, uniforms), (again, _), (other, _) = candidate(0, 5), candidate(0, 5), candidate(1, 5)
    np.testing.assert_array_equal(maps, again)
    assert uniforms.shape == (99_999,) and uniforms.dtype == np.float32
    assert maps.shape != other.shape or (maps != other).any()


def test_rejections_are_counted(monkeypatch):
    fills = candidate(0, 0)[1]
    systems = [[[0.5, 0, 0, 0.5, 0, 0]], [[2, 0, 0, 2, 1, 1]], [[0.5, 0, 0, 0.5, 0.1, 0.1]], categories()[0],
               [[0.5, 0.5, 0.5, 0.5, 1, 1]], categories()[1]]
    monkeypatch.setattr(fractal_search, "candidate", lambda seed, number: (np.array(systems[number], float), fills))
    found, rejected = search(2, 0)
    assert [len(maps) for maps in found] == [len(categories()[0]), len(categories()[1])]
    assert rejected == {"collapsed": 2, "overflowing": 1, "sparse": 1}
    check_system(categories()[0], fills)


def test_bad_input_is_refused_before_the_search(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["fractal_search", "--output", str(tmp_path / "nowhere" / "found.csv")])
    user_error("cannot be written", main)
    monkeypatch.setattr(sys, "argv", ["fractal_search", "--categories", "0"])
    with pytest.raises(SystemExit):
        main()
    assert "at least 1" in capsys.readouterr().err
