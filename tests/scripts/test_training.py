"""main.sh and what Slurm runs, at toy size on the CPU."""

import json
import os
import subprocess
import sys
import time

import pytest

from datasets.writer import write_image_folder
from generators.dead_leaves import DeadLeaves
from utils.run_folder import RunFolder

from . import smoke_fixtures
from .test_scripts import ROOT, bash

MAIN = ROOT / "scripts/train_align_uniform/main.sh"
TINY = "--precision float32 --width 0.03125 --batch_size 8 --steps 2 --lr 0.05"


@pytest.mark.slow
def test_main_trains_what_is_not_done(tmp_path, make_images):
    for name in ("stat-wmm", "dead_leaves-mixed"):
        make_images(tmp_path / "data/small_scale" / name, 22)
    done = bash(MAIN, "cpu", "stat-wmm", cwd=tmp_path, OPTIONS=TINY)
    assert done.returncode == 0, done.stderr
    assert "stat-wmm                  there, without a record         done (2 steps)" in done.stdout
    written = (tmp_path / "encoders/small_scale/stat-wmm/encoder.pth").stat().st_mtime_ns
    everything = bash(MAIN, "cpu", cwd=tmp_path, OPTIONS=TINY)
    assert everything.returncode == 0 and "== dead_leaves-mixed" in everything.stdout, everything.stderr
    assert "== stat-wmm" not in everything.stdout and "2 of 14 encoders are there" in everything.stdout
    assert (tmp_path / "encoders/small_scale/stat-wmm/encoder.pth").stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_task_of_the_slurm_array(tmp_path):
    """With an srun that starts its processes one after another."""
    smoke_fixtures.srun(tmp_path / "bin/srun")
    done = bash(ROOT / "scripts/cluster/slurm_array.sh", cwd=tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
                SLURM_ARRAY_TASK_ID="0", SLURM_NTASKS="2", SLURM_SUBMIT_DIR=str(ROOT), SAMPLES="1010",
                OPTIONS=f"{TINY} --gpus")
    assert done.returncode == 0, done.stderr
    images = tmp_path / "data/small_scale/dead_leaves-squares"
    record = json.loads((images / "dataset.json").read_text())
    assert record["counts"]["train"] == len(list(images.rglob("*.jpg"))) == 1010
    assert (tmp_path / "encoders/small_scale/dead_leaves-squares/done.json").exists()


@pytest.mark.slow
def test_moco_under_slurm_goes_back_to_the_queue_and_on(tmp_path):
    """Two processes of one node, told that their time is up: saved, queued again, and finished by the same command."""
    smoke_fixtures.srun(tmp_path / "bin/srun")
    smoke_fixtures.scontrol(tmp_path / "bin/scontrol")
    write_image_folder(DeadLeaves("mixed", resolution=32), tmp_path / "shards", 40, name="leaves", image_format="tar")
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHON": sys.executable,
                   "SLURM_JOB_ID": "1", "SLURM_NNODES": "1", "SLURM_NTASKS": "1", "SLURM_GPUS_ON_NODE": "2",
                   "SLURM_JOB_NODELIST": "here", "SLURM_SUBMIT_DIR": str(ROOT)}
    command = ["bash", str(ROOT / "scripts/cluster/slurm_moco.sh"), "shards", "run", "--gpus", "--size", "32",
               "--batch_size", "8", "--groups", "2", "--queue", "16", "--steps", "10", "--workers", "1"]
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    while not RunFolder(tmp_path / "run").metrics():
        assert first.poll() is None
        time.sleep(0.05)
    first.terminate()
    assert "stopped at step" in first.communicate(timeout=300)[0] and first.returncode != 0
    assert (tmp_path / "scontrol.log").read_text() == "requeue 1\n" and not (tmp_path / "run/done.json").exists()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert [line["step"] for line in RunFolder(tmp_path / "run").metrics()] == list(range(1, 11))
    assert (tmp_path / "run/checkpoint_0001.pth.tar").exists()
