from utils import cpus
from utils.cpus import default_workers


def test_default_workers(monkeypatch):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 12)
    assert [default_workers(processes) for processes in (1, 2, 5, 20)] == [8, 6, 2, 1]
