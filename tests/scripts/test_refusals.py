"""What the scripts refuse, in one line and before anything is made."""

import pytest

from .test_scripts import ROOT, bash


@pytest.mark.parametrize("script", ["photos", "ranking"])
def test_two_folders_of_one_name_are_refused(tmp_path, script):
    for split in ("a/x/train", "a/x/val", "b/x/train", "b/x/val"):
        (tmp_path / split).mkdir(parents=True)
    done = bash(ROOT / f"scripts/studies/{script}.sh", "a/x", "b/x", cwd=tmp_path)
    assert done.returncode == 1 and "two folders are called x" in done.stderr and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("ends", "message"), [("exit 0", "told no steps a second of learned views on photos"),
                                               ("echo error: no room >&2; exit 1", "error: no room")])
def test_a_speed_that_is_not_measured_stops_the_study(tmp_path, ends, message):
    """Python is replaced by what ends so, without a word of steps."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{ends}\n")
    python.chmod(0o755)
    for split in ("train", "val"):
        (tmp_path / "photos" / split).mkdir(parents=True)
    done = bash(ROOT / "scripts/studies/viewmaker.sh", "photos", cwd=tmp_path, PYTHON=str(python), PARTS="time",
                NOISE="")
    assert done.returncode == 1 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list((tmp_path / "runs/viewmaker/speed").iterdir())


@pytest.mark.parametrize(("script", "arguments", "environment", "message"), [
    ("experiments/run", [], {}, "pass the name of a dataset"),
    ("experiments/run", ["stat-wmm", "0 1"], {}, "not understood: 0 1"),
    ("experiments/run", ["stat-wmm", "cpu"], {"SAMPLES": "-4"}, "SAMPLES=-4 is not a count"),
    ("experiments/run", ["stat-wmm", "cpu"], {"LIMITS": "5 x"}, "LIMITS=5 x is not a list of counts"),
    ("experiments/run", ["stat-wmm", "cpu"], {"VTAB": "none"}, "VTAB=none is not a folder; correct it, or leave"),
    ("experiments/run", ["stat-wmm", "cpu"], {"PROTOCOL": "papers"}, "--protocol: invalid choice: 'papers'"),
    ("experiments/run", ["stat-wnn", "0"], {}, "stat-wnn is not a dataset; the names are fractaldb, dead_leaves"),
    ("experiments/run", ["stat-wmm", "first"], {}, "not understood: first; pass the numbers of one or two GPUs"),
    ("experiments/run", ["stat-wmm", "0", "1", "2"], {}, "not understood: 0 1 2"),
    ("experiments/run", ["stat-wmm", "98", "99"], {}, "GPU 98 is not there"),
    pytest.param("experiments/run", ["stat-wmm", "cpu"], {"OPTIONS": "--widht=3"}, "unrecognized arguments: --widht=3",
                 marks=pytest.mark.slow),
    pytest.param("experiments/run", ["feature_vis-dead_leaves", "cpu"], {}, "of a trained network: pass --encoder",
                 marks=pytest.mark.slow),
    ("train_align_uniform/main", [], {}, 'without any: OPTIONS="--width 0.25 --steps 600" bash'),
    ("train_align_uniform/main", ["first"], {}, "pass the numbers of two GPUs"),
    ("train_align_uniform/main", ["cpu", "stat-wnn"], {}, "no dataset called 'stat-wnn'"),
    ("train_align_uniform/main", ["cpu", "stat-wmm"], {}, "no images of stat-wmm in data/small_scale; make them "),
    ("train_align_uniform/main", ["cpu"], {}, "no images of dead_leaves-squares, "),
    ("train_align_uniform/main", ["cpu", "--list", "all"], {}, "not understood: --list all"),
    ("train_align_uniform/main", ["98", "99"], {}, 'GPU 98 is not there: this machine has '),
    ("train_align_uniform/main", ["98"], {}, '): OPTIONS="--width 0.25 --steps 600" bash '),
    ("generate_datasets/all", ["stat-wnn"], {}, "stat-wnn is not one of fractaldb, dead_leaves-squares, "),
    ("generate_datasets/stylegan", ["stat-wmm"], {}, "stat-wmm is not one of stylegan-random, stylegan-highfreq, "),
    ("generate_datasets/all", [], {"SCALE": "huge"}, "argument --scale: invalid choice: 'huge'"),
    ("generate_datasets/statistical", [], {"SAMPLES": "many"}, "--samples: must be a whole number of at least 1"),
    pytest.param("generate_datasets/mixed", ["mixed-4"], {}, "pass --encoder FILE", marks=pytest.mark.slow),
    ("generate_datasets/dead_leaves", ["dead_leaves-mixed"], {"OPTIONS": "--sides 5"}, "arguments: --sides 5"),
    ("train_align_uniform/linear_eval", [], {}, "pass the folder of ImageNet-100 and the number of a GPU, or cpu"),
    ("train_align_uniform/linear_eval", [".", "x"], {"ENCODERS": "."}, "--gpus: must be a whole number, not 'x'"),
    ("train_align_uniform/linear_eval", ["imagenet100", "0"], {}, "imagenet100 is not a folder; make it: bash"),
    ("train_align_uniform/linear_eval", [".", "0"], {}, "encoders/small_scale is not there; train encoders"),
    ("datasets/generate_imagenet100", ["imagenet"], {}, "pass the folder of ImageNet-1k and the folder to write"),
    ("datasets/generate_imagenet100", ["imagenet", "out", "--link"], {}, "unrecognized arguments: --link"),
    ("datasets/generate_imagenet100", ["my imagenet", "out"], {}, "my imagenet is not a folder"),
    ("linear_eval/vtab", [], {"GPU": "x"}, "argument --gpus: must be a whole number, not 'x'"),
    ("linear_eval/vtab", [], {"TRAIN_LIMIT": "all"}, "--train-limit: must be a whole number of at least 1"),
    ("linear_eval/vtab", ["stat-wmm"], {"GPU": "cpu"}, "none of the tasks is ready in data/vtab; see python"),
    ("studies/photos", ["nowhere"], {}, "nowhere needs train/"),
    ("studies/photos", [], {"LIMITS": "10 x"}, "LIMITS=10 x is not a list of counts"),
    ("studies/robust_student", [], {}, "pass the folder of photos"),
    ("studies/robust_student", ["nowhere"], {}, "nowhere holds no val/"),
    ("studies/robust_student", ["nowhere", "dreams"], {}, "there is no part dreams"),
    ("studies/robust_student", ["nowhere", "transfer"], {}, "the part transfer needs OTHER=FOLDER"),
    ("studies/photos", [], {"JOBS": "0"}, "JOBS=0"),
    ("studies/photos", [], {"SEEDS": "0 x"}, "whole numbers"),
    ("studies/ranking", [], {}, "pass a folder of photos"),
    ("studies/ranking", ["nowhere"], {}, "nowhere needs train/"),
    ("studies/ranking", [], {"VARIANTS": "colour-red"}, "there is no variant colour-red"),
    ("studies/ranking", [], {"VARIANTS": "steps-2+lr-x"}, "there is no variant steps-2+lr-x"),
    ("studies/ranking", [], {"LIMIT": "10 20"}, "LIMIT=10 20 is not a count"),
    ("studies/photos", [], {"STEPS": "1 2"}, "STEPS=1 2 is not a count"),
    ("cluster/slurm_array", ["--help"], {}, "this is for sbatch, whose task number is not set"),
    ("cluster/slurm_array", [], {"SLURM_ARRAY_TASK_ID": "99", "SLURM_SUBMIT_DIR": str(ROOT)}, "so no task 99"),
    ("cluster/slurm_moco", ["--help"], {}, "this is for sbatch; see the comment"),
    ("cluster/slurm_moco", ["shards"], {"SLURM_JOB_ID": "1"}, "pass a folder of shards and a run folder"),
    ("quickstart", [], {"PYTHON": "none"}, "error: PYTHON=none is not a program"),
    ("quickstart", ["a", "b"], {}, "not understood: a b"),
    ("quickstart", ["--size"], {}, "not understood: --size"),
    ("quickstart", [], {"SET": "list"}, "list is not a dataset; the names are "),
    ("quickstart", [], {"STEPS": "0"}, "STEPS=0 is not a count"),
    ("quickstart", [], {"LIMIT": "many"}, "LIMIT=many is not a count"),
    ("quickstart", [], {"SEED": "-1"}, "SEED=-1 is not a whole number")])
def test_bad_input_ends_in_one_line_before_anything_is_made(tmp_path, script, arguments, environment, message):
    environment = {"SETS": "stat-spectrum"} | environment
    done = bash(ROOT / f"scripts/{script}.sh", *arguments, cwd=tmp_path, **environment)
    assert done.returncode in (1, 2) and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())
