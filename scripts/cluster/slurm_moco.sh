#!/usr/bin/env bash
# MoCo v2 on a ResNet-50 over two nodes of four GPUs: one torchrun a node, one process a GPU, the eight GPUs of MoCo.
# Preempted, or two minutes before its time is up, it saves, goes back to the queue, and goes on where it was.
#
#   sbatch scripts/cluster/slurm_moco.sh data/large_scale/stat-spectrum encoders/large_scale/stat-spectrum
#   sbatch --nodes=4 scripts/cluster/slurm_moco.sh DATA OUTPUT --groups 16 --batch_size 512      # further options
#   sbatch scripts/cluster/slurm_moco.sh A OUTPUT --mix B C D --epoch_length 1300000 --epochs 800
#
# Data and output lie where all nodes see them. `python -m train_moco.needs --help` says how long it may take.
# TRAINER=train_align_uniform, say, starts another trainer so.
#
#SBATCH --job-name=moco
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
#SBATCH --output=%x-%j.log
set -euo pipefail
fail() {
    echo "error: $*" >&2
    exit 1
}
[ -n "${SLURM_JOB_ID:-}" ] || fail "this is for sbatch; see the comment in $0"
[ $# -ge 2 ] || fail "pass a folder of shards and a run folder; see the comment in scripts/cluster/slurm_moco.sh"
# Slurm runs a copy of this file, so the repository is not where the copy is.
REPO="${REPO:-$SLURM_SUBMIT_DIR}"
PYTHON="${PYTHON:-$REPO/.venv/bin/python}" GPUS="${SLURM_GPUS_ON_NODE:-4}"
[ -x "$PYTHON" ] || fail "$PYTHON is not there; set PYTHON, or REPO to the repository with .venv"
export PYTHONPATH="$REPO" OMP_NUM_THREADS=1
data="$1" output="$2"
shift 2

first="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
port=$((20000 + SLURM_JOB_ID % 20000))
# All CPUs of a node are its one torchrun's; since Slurm 22.05 srun does not take them over by itself.
export SRUN_CPUS_PER_TASK=$((${SLURM_CPUS_PER_TASK:-1} * ${SLURM_NTASKS_PER_NODE:-1}))
srun --ntasks="$SLURM_NNODES" --ntasks-per-node=1 "$PYTHON" -m torch.distributed.run --nnodes="$SLURM_NNODES" \
    --nproc-per-node="$GPUS" --rdzv-backend=c10d --rdzv-endpoint="$first:$port" --rdzv-id="$SLURM_JOB_ID" \
    -m "${TRAINER:-train_moco}" --data "$data" --output "$output" "$@" &
step=$! told='' code=0
trap 'told=yes; kill -TERM "$step"' TERM # srun passes it on, torchrun too, and the processes save
wait "$step" || code=$?
[ -z "$told" ] || { code=0 && wait "$step"; } || code=$?
if [ -n "$told" ] && [ ! -e "$output/done.json" ]; then
    scontrol requeue "$SLURM_JOB_ID" || true # Slurm has done so already where the job was preempted
fi
exit "$code"
