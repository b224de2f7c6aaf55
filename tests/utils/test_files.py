import errno
import json
import os
import signal
import time
import zlib

import numpy as np
import pytest

from tests.files import user_error
from utils.cli import UserError
from utils.files import atomic_open, crc32, human_bytes, locked, read_json, read_record, write_bytes, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic_open(path) as file:
        file.write(b"half of the ne")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_the_name_appears_only_at_the_end(tmp_path, durable):
    path = tmp_path / "a"
    with atomic_open(path, durable) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path, start):
    path = tmp_path / "a"
    write_bytes(path, b"old")
    process = start(["-c", "import sys, time; from utils.files import atomic_open\n"
                     "with atomic_open(sys.argv[1]) as file:\n"
                     "    file.write(bytes(10**6)); file.flush(); print('written', flush=True); time.sleep(60)", path])
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    assert path.read_bytes() == b"old"


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError) as info, atomic_open(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert info.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize("name", ["folder", "missing/a"])
def test_a_place_that_cannot_be_written_is_named_and_not_the_hidden_file(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as info:
        write_bytes(tmp_path / name, b"new")
    assert info.value.filename == str(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_json_round_trip_and_what_json_cannot_hold(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, 2.5, None, "ü"]})
    assert read_json(path) == {"a": [1, 2.5, None, "ü"]}
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1, 2.5, None, "ü"]}


@pytest.mark.parametrize("text", ['{"a": ', '{"a": NaN}', "[Infinity]", "[-1e999]", "[" * 100_000, "\udcff"])
def test_what_is_not_json_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text, errors="surrogateescape")
    user_error(r"a\.json is not valid JSON", read_json, tmp_path / "a.json")


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    user_error(r"a\.json is no file", read_json, tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize("text", ["[]", "7", "{}", '{"count": "3"}', '{"count": null}'])
def test_a_record_of_another_shape_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    user_error(r"a\.json does not hold what was written there", read_record, tmp_path / "a.json", count=int)
    (tmp_path / "a.json").write_text('{"count": 3, "name": "x"}')
    assert read_record(tmp_path / "a.json", count=int) == {"count": 3, "name": "x"}


def test_crc32_of_more_than_a_block(tmp_path):
    data = np.random.default_rng(0).bytes((1 << 20) + 7)
    (tmp_path / "a").write_bytes(data)
    assert crc32(tmp_path / "a") == zlib.crc32(data)


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"),
                                             (5 * 2**30, "5.0 GB"), (2**52, "4096.0 TB")])
def test_human_bytes(count, text):
    assert human_bytes(count) == text


def test_a_held_lock_refuses(tmp_path):
    with locked(tmp_path / "lock", "taken"):
        with pytest.raises(UserError, match="taken"), locked(tmp_path / "lock", "taken"):
            pass
    with locked(tmp_path / "lock", "taken"):  # given back
        pass


def test_another_process_refuses_and_a_kill_gives_the_lock_back(tmp_path, start):
    process = start(["-c", "import sys, time; from utils.files import locked\nwith locked(sys.argv[1], 'taken'):\n"
                     "    print('held', flush=True); time.sleep(60)", tmp_path / "lock"])
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="taken"), locked(tmp_path / "lock", "taken"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "lock", "taken"):
        pass


def test_waiting_for_a_lock(tmp_path, start):
    with locked(tmp_path / "lock"):
        waiting = start(["-c", "import sys; from utils.files import locked\nprint('asks', flush=True)\n"
                         "with locked(sys.argv[1], wait=True):\n    print('held')", tmp_path / "lock"])
        assert waiting.stdout.readline() == "asks\n"
        time.sleep(0.2)
        assert waiting.poll() is None
    assert waiting.stdout.readline() == "held\n" and waiting.wait() == 0
