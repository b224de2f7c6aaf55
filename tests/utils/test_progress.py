from utils.progress import Progress


def test_lines_in_a_log(capsys):
    with Progress(10, "packing", "images", done=4, seconds=0) as progress:
        progress.update(2)
        progress.update(4, loss=0.12345)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("packing: 6/10 images, ") and lines[0].endswith(" s left")
    assert lines[1].startswith("packing: 10/10 images, ") and lines[1].endswith(", loss 0.1235")
    assert len(lines) == 2  # the end was shown already


def test_a_quiet_log(capsys):
    with Progress(1000, "packing", "images") as progress:
        for _ in range(1000):
            progress.update(1)
    assert len(capsys.readouterr().out.splitlines()) == 1
    with Progress(10, "packing", "images", done=10):
        pass  # nothing was left to do: nothing is said
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(10, "packing", "images", done=4) as progress:
        progress.update(6, loss=0.5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "packing" in captured.err and "10/10" in captured.err
