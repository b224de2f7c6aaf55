import argparse
import errno
import os
import sys

import pytest

from utils import cli


def exit_of(main) -> int | str | None:
    with pytest.raises(SystemExit) as info:
        cli.run(main)
    return info.value.code


def raises(error: BaseException):
    def main() -> None:
        raise error
    return main


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (143, 143)])
def test_return_value_is_the_exit_code(returned, code):
    assert exit_of(lambda: returned) == code


@pytest.mark.parametrize(("error", "code", "said"), [
    (cli.UserError("no such dataset; choose another"), 1, "error: no such dataset; choose another\n"),
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (OSError(errno.ENOSPC, "No space left on device", "a.jpg"), 1, "error: a.jpg: No space left on device\n"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), 1, "error: a: No such file or directory\n"),
    (MemoryError("Unable to allocate 9 TiB"), 1, "error: not enough memory (Unable to allocate 9 TiB); ask for less")])
def test_what_a_person_can_mend_is_one_line(capsys, error, code, said):
    assert exit_of(raises(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count("\n") == 1


@pytest.mark.parametrize("error", [OSError(errno.EINVAL, "wrong"), ValueError("a bug"), OSError("no number")])
def test_faults_of_ours_keep_their_traceback(error):
    with pytest.raises(type(error)):
        cli.run(raises(error))


PRINTS = """
import sys
from utils.cli import UserError, run
def main():
    for i in range(10**5):
        print(i)
    print("file name", b"\\xff".decode(errors="surrogateescape"), file=sys.stderr)
    with open(sys.argv[1], "w") as file:
        file.write("done")
    return 7
run(main)
"""


@pytest.mark.parametrize("flags", [(), ("-u",)])
def test_work_goes_on_when_its_listener_has_left(start, tmp_path, flags):
    process = start([*flags, "-c", PRINTS, tmp_path / "result"])
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "file name \\udcff\n" and process.wait() == 7
    assert (tmp_path / "result").read_text() == "done"
    process.stdout = None


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_work_goes_on_without_stdout_or_stderr(start, tmp_path, closed):
    code = f"from utils.progress import Progress\nwith Progress(1, 'work', 'parts') as p: p.update(1)\n{PRINTS}"
    shell = "import os, sys; os.execlp('sh', 'sh', '-c', sys.argv[1], *sys.argv[2:])"
    process = start(["-c", shell, f'exec "$0" "$@" {closed}', sys.executable, "-c", code, tmp_path / "result"])
    _, said = process.communicate()
    assert process.returncode == 7 and "Traceback" not in said
    assert (tmp_path / "result").read_text() == "done"  # and nothing that was printed


def test_all_that_was_printed_comes_in_its_encoding(start, tmp_path, monkeypatch):
    process = start(["-c", PRINTS, tmp_path / "result"])
    out, _ = process.communicate()
    assert out.splitlines() == [str(i) for i in range(10**5)]
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    process = start(["-c", "from utils.cli import run; run(lambda: print('96 \u00d7 96, \u03bb', end=''))"])
    assert os.read(process.stdout.fileno(), 100) == b"96 \xd7 96, \\u03bb"


def test_numbers():
    assert cli.positive_int("3") == 3 and cli.non_negative("0.36") == 0.36
    for text in ("0", "-1", "two", "1.5"):
        with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
            cli.positive_int(text)
    for text in ("nan", "inf", "-0.1", "1e31", "two"):
        with pytest.raises(argparse.ArgumentTypeError, match="from 0 to"):
            cli.non_negative(text)


def test_parser_shows_docstring_and_defaults_and_takes_no_abbreviations(capsys):
    parser = cli.parser("python -m x", "Does x.\n\n    python -m x --size 3\n")
    parser.add_argument("--size", type=int, default=7, help="how large")
    assert "    python -m x --size 3\n" in parser.format_help() and "(default: 7)" in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["--si", "3"])
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "said"), [
    (["--size", "x"], "argument --size: must be a whole number, not 'x'"),
    (["--lr", "x"], "argument --lr: must be a number, not 'x'"),
    (["--steps", "x"], "argument --steps: must be a whole number of at least 1, not 'x'"),
    (["--sizes", "3"], "unrecognized arguments: --sizes 3")])
def test_a_mistake_in_the_arguments_is_one_line(capsys, arguments, said):
    parser = cli.parser("python -m x", None)
    for name, kind in (("--size", int), ("--lr", float), ("--steps", cli.positive_int)):
        parser.add_argument(name, type=kind)
    with pytest.raises(SystemExit) as info:
        parser.parse_args(arguments)
    assert info.value.code == 2 and capsys.readouterr().err == f"error: {said}; see python -m x --help\n"
