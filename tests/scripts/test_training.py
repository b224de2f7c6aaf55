"""main.sh and what Slurm runs, at toy size on the CPU."""

import json
import os
import subprocess
import time

import pytest

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
    smoke_fixtures.scontrol(tmp_path / "bin/scontrol")
    done = bash(ROOT / "scripts/cluster/slurm_array.sh", cwd=tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
                SLURM_ARRAY_TASK_ID="0", SLURM_NTASKS="2", SLURM_SUBMIT_DIR=str(ROOT), SLURM_JOB_ID="8",
                SLURM_NNODES="1", SLURM_GPUS_ON_NODE="2", SLURM_JOB_NODELIST="here", SAMPLES="1012",
                OPTIONS=f"{TINY} --gpus")
    assert done.returncode == 0, done.stderr
    images = tmp_path / "data/small_scale/dead_leaves-squares"
    record = json.loads((images / "dataset.json").read_text())
    assert record["counts"]["train"] == len(list(images.rglob("*.jpg"))) == 1012
    assert (tmp_path / "encoders/small_scale/dead_leaves-squares/done.json").exists()


CALLED = """#!/usr/bin/env bash
[[ "$*" != *--list* ]] || exec printf '%s\\n' first second
echo "$RANK/$WORLD_SIZE $SRUN_CPUS_PER_TASK $*" >>calls
"""


@pytest.mark.parametrize(("scale", "written", "trainer"), [("", "--scale small --format jpg", "train_align_uniform"),
                                                           ("large", "--scale large --format tar", "train_moco")])
def test_the_slurm_array_writes_on_all_nodes_and_trains_on_all_gpus(tmp_path, scale, written, trainer):
    smoke_fixtures.srun(tmp_path / "bin/srun")
    smoke_fixtures.scontrol(tmp_path / "bin/scontrol")
    smoke_fixtures.write(tmp_path / "bin/python", CALLED.encode())
    (tmp_path / "bin/python").chmod(0o755)
    job = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_NTASKS": "4",
           "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "3", "SLURM_GPUS_ON_NODE": "4",
           "SLURM_JOB_NODELIST": "here", "SLURM_SUBMIT_DIR": str(ROOT), "OPTIONS": "--seed 1"}
    done = bash(ROOT / "scripts/cluster/slurm_array.sh", cwd=tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
                PYTHON=f"{tmp_path}/bin/python", SCALE=scale, **job)
    assert done.returncode == 0, done.stderr
    data, encoder = (f"{kind}/{scale or 'small'}_scale/second" for kind in ("data", "encoders"))
    lines = (tmp_path / "calls").read_text().splitlines()
    assert lines[:4] == [f"{rank}/4 3 -m generators second {written} --output {data}" for rank in range(4)]
    assert lines[4:] == 2 * ["/ 6 -m torch.distributed.run --nnodes=2 --nproc-per-node=4 --rdzv-backend=c10d "
                             f"--rdzv-endpoint=127.0.0.1:20007 --rdzv-id=7 -m {trainer} --data {data} "
                             f"--output {encoder} --seed 1"]
    wrong = bash(ROOT / "scripts/cluster/slurm_array.sh", cwd=tmp_path, SCALE="huge", **job)
    assert wrong.returncode == 1 and wrong.stderr == "error: SCALE=huge is not known; pass small or large\n"


TORCHRUN = """#!/usr/bin/env bash
trap 'echo saved >>calls; [ "$CODE" = last ] || exit 143; mkdir run; touch run/done.json; exit 0' TERM
echo "$@" >>calls
[ -z "${CODE#last}" ] || exit "$CODE"
while :; do sleep 0.02; done
"""


@pytest.mark.parametrize(("code", "told", "exits"), [("", True, 143), ("3", False, 3), ("0", False, 0),
                                                     ("last", True, 0)])
def test_moco_under_slurm_goes_back_to_the_queue(tmp_path, code, told, exits):
    """Told that its time is up, it lets torchrun save first; where that ends by itself, or with the last step, its exit
    code stands."""
    smoke_fixtures.srun(tmp_path / "bin/srun")
    smoke_fixtures.scontrol(tmp_path / "bin/scontrol")
    smoke_fixtures.write(tmp_path / "bin/python", TORCHRUN.encode())
    (tmp_path / "bin/python").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHON": f"{tmp_path}/bin/python",
                   "SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_NTASKS": "1", "SLURM_GPUS_ON_NODE": "4",
                   "SLURM_JOB_NODELIST": "here", "SLURM_SUBMIT_DIR": str(ROOT), "CODE": code}
    script = [str(ROOT / "scripts/cluster/slurm_moco.sh"), "shards", "run", "--epochs", "3"]
    job = subprocess.Popen(["bash", *script], cwd=tmp_path, env=environment)
    while not (tmp_path / "calls").exists():
        time.sleep(0.01)
    if told:
        job.terminate()
    assert job.wait(60) == exits
    started, *saved = (tmp_path / "calls").read_text().splitlines()
    assert started == ("-m torch.distributed.run --nnodes=1 --nproc-per-node=4 --rdzv-backend=c10d --rdzv-endpoint="
                       "127.0.0.1:20007 --rdzv-id=7 -m train_moco --data shards --output run --epochs 3")
    assert saved == ["saved"] * told
    assert (tmp_path / "scontrol.log").exists() == (code == "")
