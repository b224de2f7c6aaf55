import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_checkout_and_a_home_that_cannot_be_written_do_not_stop_a_command(tmp_path):
    """Files in the places of the folders, as permissions do not bind root."""
    for room in ("datasets", "generators", "models", "utils"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / room / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    (tmp_path / "temporary").mkdir()
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("NUMBA_", "XDG_", "PYTHON"))}
    done = subprocess.run([sys.executable, "-m", "generators", "dead_leaves-squares", "--samples", "50", "--resolution",
                           "8", "--workers", "2", "--output", "images"], cwd=tmp_path, capture_output=True, text=True,
                          env={**environment, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")})
    assert (done.returncode, done.stderr) == (0, "") and len(list((tmp_path / "images").rglob("*.jpg"))) == 50
    assert not list((tmp_path / "temporary").iterdir())


def test_a_chosen_place_is_kept(tmp_path):
    code = "import os, generators, datasets; print(os.environ.get('NUMBA_CACHE_DIR'))"
    for place in (str(tmp_path), None):
        environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
        environment |= {"NUMBA_CACHE_DIR": place} if place else {}
        said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
        assert said.stdout == f"{place}\n"
