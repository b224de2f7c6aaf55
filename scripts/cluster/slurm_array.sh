#!/usr/bin/env bash
# A Slurm array: one task for each of the paper's fourteen datasets, from noise to encoder. Four processes of a task write
# the images, each its shards (the same RANK and WORLD_SIZE that torchrun and Kubernetes set); then one GPU trains.
#
#   sbatch scripts/cluster/slurm_array.sh                    # from the repository; data/ and encoders/ appear in it
#   REPO=~/noise sbatch ~/noise/scripts/cluster/slurm_array.sh         # from another folder, which is to hold them
#
# A task that was cut off goes on when it is submitted again. feature_vis-dead_leaves needs an encoder: make its images
# first (python -m generators feature_vis-dead_leaves --help), or its task ends saying so.
#
#SBATCH --job-name=noise
#SBATCH --array=0-13
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=4
#SBATCH --gpus=1
#SBATCH --mem=32G
#SBATCH --time=08:00:00
#SBATCH --output=%x-%a.log
set -euo pipefail
fail() {
    echo "error: $*" >&2
    exit 1
}
[ -n "${SLURM_ARRAY_TASK_ID:-}" ] || fail "this is for sbatch, whose task number is not set; see the comment in $0"
# Slurm runs a copy of this file, so the repository is not where the copy is, nor scripts/common.sh.
REPO="${REPO:-$SLURM_SUBMIT_DIR}"
PYTHON="${PYTHON:-$REPO/.venv/bin/python}"
DATA="${DATA:-data/small_scale}" ENCODERS="${ENCODERS:-encoders/small_scale}" SAMPLES="${SAMPLES:-105000}"
[ -x "$PYTHON" ] || fail "$PYTHON is not there; set PYTHON, or REPO to the repository with .venv"
export PYTHONPATH="$REPO" PYTHON DATA SAMPLES NAME

mapfile -t names < <("$PYTHON" -m training.trained --list all)
NAME="${names[$SLURM_ARRAY_TASK_ID]:-}"
[ -n "$NAME" ] || fail "there are ${#names[@]} datasets, so no task $SLURM_ARRAY_TASK_ID; correct --array"
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}" # since Slurm 22.05 srun does not take it over by itself
# shellcheck disable=SC2016 # expanded by each of the processes
srun bash -c 'RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS exec "$PYTHON" -m generators "$NAME" --samples "$SAMPLES" \
    --output "$DATA/$NAME"'
# shellcheck disable=SC2086 # a list
srun --ntasks=1 "$PYTHON" -m train_align_uniform --data "$DATA/$NAME" --output "$ENCODERS/$NAME" ${OPTIONS:-}
