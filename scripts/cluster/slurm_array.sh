#!/usr/bin/env bash
# A Slurm array: one task for each of the paper's fourteen datasets, from noise to encoder. The processes of a task write
# the images, each its shards (the same RANK and WORLD_SIZE that torchrun and Kubernetes set); then its GPUs train.
#
#   sbatch scripts/cluster/slurm_array.sh                    # from the repository; data/ and encoders/ appear in it
#   sbatch --nodes=2 --gpus-per-node=4 scripts/cluster/slurm_array.sh           # each task on eight GPUs of two nodes
#   SCALE=large sbatch --nodes=2 --gpus-per-node=4 --array=5 scripts/cluster/slurm_array.sh     # one set at full scale
#   REPO=~/noise sbatch ~/noise/scripts/cluster/slurm_array.sh         # from another folder, which is to hold them
#
# SCALE=small (the default) writes 105,000 images and trains by train_align_uniform; SCALE=large writes 1,300,000 of
# 256×256 in tar shards and trains by train_moco, on 1, 2, 4 or 8 GPUs; on others with, say,
# OPTIONS="--groups 40 --batch_size 2560". Training that is preempted, or whose time is nearly up, saves, goes
# back to the queue, and goes on; a task that was cut off while it wrote goes on when it is submitted again.
# feature_vis-dead_leaves needs an encoder: make its images first (python -m generators feature_vis-dead_leaves --help),
# or its task ends saying so.
#
# Overrides from the environment:
#   DATA=data/<scale>_scale    ENCODERS=encoders/<scale>_scale    SAMPLES=    TRAINER=    OPTIONS=    of the trainer
#
#SBATCH --job-name=noise
#SBATCH --array=0-13
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --gpus-per-node=1
#SBATCH --mem=32G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
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
SCALE="${SCALE:-small}" SAMPLES="${SAMPLES:-}"
case "$SCALE" in
small) FORMAT=jpg TRAINER="${TRAINER:-train_align_uniform}" ;;
large) FORMAT=tar TRAINER="${TRAINER:-train_moco}" ;;
*) fail "SCALE=$SCALE is not known; pass small or large" ;;
esac
DATA="${DATA:-data/${SCALE}_scale}" ENCODERS="${ENCODERS:-encoders/${SCALE}_scale}"
[ -x "$PYTHON" ] || fail "$PYTHON is not there; set PYTHON, or REPO to the repository with .venv"
export PYTHONPATH="$REPO" PYTHON DATA SAMPLES SCALE FORMAT NAME REPO TRAINER

mapfile -t names < <("$PYTHON" -m training.trained --list all)
NAME="${names[$SLURM_ARRAY_TASK_ID]:-}"
[ -n "$NAME" ] || fail "there are ${#names[@]} datasets, so no task $SLURM_ARRAY_TASK_ID; correct --array"
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}" # since Slurm 22.05 srun does not take it over by itself
# shellcheck disable=SC2016 # expanded by each of the processes
srun bash -c 'RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS exec "$PYTHON" -m generators "$NAME" --scale "$SCALE" \
    --format "$FORMAT" --output "$DATA/$NAME" ${SAMPLES:+--samples "$SAMPLES"}'
# shellcheck disable=SC2086 # a list
exec bash "$REPO/scripts/cluster/slurm_moco.sh" "$DATA/$NAME" "$ENCODERS/$NAME" ${OPTIONS:-}
