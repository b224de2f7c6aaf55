"""What the README shows works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from generators.named import named_datasets

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_example_of_a_new_process_works(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "class Checkerboard" in block)
    entry = next(block for block in re.findall(r"```yaml\n(.*?)```", README, re.S) if "checkerboard" in block)
    assert len(code.splitlines()) < 30
    for room in ("generators", "datasets", "utils"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "generators" / "checkerboard.py").write_text(code)
    with open(tmp_path / "generators" / "datasets.yaml", "a") as file:
        file.write("\n" + entry)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for command in (["generators", "checkerboard", "--samples", "3", "--output", "named", "--workers", "1"],
                    ["generators.checkerboard", "--samples", "3", "--output", "alone", "--workers", "1"]):
        subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, env=environment, check=True, timeout=120)
    named, alone = (sorted((tmp_path / folder).rglob("*.jpg")) for folder in ("named", "alone"))
    assert len(named) == 3 and [p.read_bytes() for p in named] == [p.read_bytes() for p in alone]


def test_the_table_of_datasets_is_the_list():
    shown = re.findall(r"^\| ([a-r-]) \| `([a-z0-9_-]+)` \|", README, re.M)
    assert shown == [(entry.figure, name) for name, entry in named_datasets().items()]


def test_every_script_and_module_it_names_is_there():
    for script in re.findall(r"bash (scripts/[\w/]+\.sh)", README):
        assert (ROOT / script).is_file(), script
    for module in re.findall(r"python -m ([\w.]+)", README):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file() or "checkerboard" in module, module
