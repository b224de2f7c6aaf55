import re

from training import pace


def test_minutes_follow_the_pace(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["", "100000"])
    monkeypatch.setattr(pace, "SECONDS", 0.01)
    pace.main()
    minutes, ratio = map(float, re.search(r"about (\d+) minutes here \((.*) times", capsys.readouterr().out).groups())
    assert minutes > 0 and abs(100000 / minutes - ratio) <= 0.06 + 0.01 * ratio  # both are rounded


def test_pace_is_of_passes_that_were_made(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(pace.time, "perf_counter", lambda: float(next(now)))  # a second a call
    monkeypatch.setattr(pace, "SECONDS", 3.0)
    assert 0.5 <= pace.pace() <= 1.5
