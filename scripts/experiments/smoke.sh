#!/usr/bin/env bash
# Every script of the repository, at toy size, on the CPU and without a network: on stand-ins for the real data, which it
# makes. Ends with a line for each script, and fails if one failed or was forgotten here.
#
#   bash scripts/experiments/smoke.sh            # in a temporary folder
#   bash scripts/experiments/smoke.sh FOLDER     # in this one, new or empty; it is kept, and the logs in it
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[[ $# -le 1 && "${1:-}" != -* ]] || fail "not understood: $*; pass one folder, or nothing for a temporary one"
[ -z "$(ls -A "${1:-/none}" 2>/dev/null)" ] || fail "$1 is not empty; pass another folder"
use_python requirements-dev.txt
[[ "$PYTHON" != */* ]] || PYTHON="$(realpath -s "$PYTHON")" # as this changes folder
export PYTHON OMP_NUM_THREADS=1 WORKERS=1 no_proxy=127.0.0.1
if [ $# -eq 1 ]; then
    mkdir -p "$1"
    cd "$1"
else
    here="$(mktemp -d)"
    cd "$here"
fi
server=
finish() {
    local code=$?
    [ -z "$server" ] || kill "$server"
    [ -z "${here:-}" ] || { [ "$code" -eq 0 ] && rm -rf "$here" || echo "the logs are in $here/logs"; }
}
trap finish EXIT

call() { # SCRIPT [ARGUMENT ...]: its output goes to a log, the outcome to a list
    local script="$1" log="$PWD/logs/${1//\//-}.log" start=$SECONDS said=ran
    shift
    bash "$REPO/scripts/$script" "$@" >>"$log" 2>&1 || said="FAILED ($(tail -n 1 "$log"))"
    echo "$script: $said, $((SECONDS - start)) s" | tee -a outcome
}

mkdir logs
PYTHONPATH="$REPO" "$PYTHON" "$REPO/tests/scripts/smoke_fixtures.py" .
"$PYTHON" -u -m http.server 0 --bind 127.0.0.1 --directory server >logs/server.log 2>&1 &
server=$!
until port="$(sed -n 's/.* port \([0-9]*\) .*/\1/p' logs/server.log)" && [ -n "$port" ]; do
    kill -0 "$server" 2>/dev/null || fail "no local server: $(tail -n 1 logs/server.log)"
    sleep 0.1
done
export NOISE_LEARNING_URL="http://127.0.0.1:$port"
tiny="--precision float32 --width 0.03125 --batch_size 8 --steps 2 --lr 0.05"

call download_datasets/download_small_scale_datasets.sh dead_leaves-squares --count 24
call download_datasets/download_large_scale_datasets.sh stylegan-oriented --count 24
call download_pretrained_models/download_all_alexnet_encoders.sh dead_leaves-oriented
call download_pretrained_models/download_large_scale_encoders.sh mixed-4
call datasets/generate_imagenet100.sh imagenet data/imagenet100
run datasets.vtab prepare dtd --route shards --source wds_vtab-dtd --partial >logs/vtab-prepare.log 2>&1

export SAMPLES=24 OPTIONS="--resolution 32" ENCODER=encoders/small_scale/dead_leaves-oriented/encoder.pth
OPTIONS="--resolution 32 --textures photos" call generate_datasets/dead_leaves.sh dead_leaves-textures
call generate_datasets/statistical.sh stat-spectrum stat-wmm
call generate_datasets/stylegan.sh stylegan-random stylegan-oriented
call generate_datasets/own.sh own-programs own-scenes
call generate_datasets/fractaldb.sh
OPTIONS="--resolution 32 --steps 2" SAMPLES=4 call generate_datasets/feature_vis.sh
SAMPLES=8 call generate_datasets/mixed.sh
SAMPLES=8 call generate_datasets/latent_scene.sh
call generate_datasets/all.sh stat-wmm fractaldb
unset ENCODER

OPTIONS="$tiny" call train_align_uniform/main.sh cpu stat-wmm dead_leaves-squares
PROTOCOL=knn call train_align_uniform/linear_eval.sh data/imagenet100 cpu
PROTOCOLS=knn GPU=cpu call linear_eval/vtab.sh
PROTOCOL=knn RESOLUTION=32 OPTIONS="$tiny" call experiments/run.sh dead_leaves-mixed cpu
PATH="$PWD/bin:$PATH" SLURM_ARRAY_TASK_ID=5 SLURM_NTASKS=2 SLURM_SUBMIT_DIR="$REPO" SLURM_JOB_ID=2 \
    SLURM_NNODES=1 SLURM_GPUS_ON_NODE=2 SLURM_JOB_NODELIST=here DATA=slurm/data ENCODERS=slurm/encoders \
    OPTIONS="$tiny --gpus" call cluster/slurm_array.sh
run generators dead_leaves-mixed --resolution 32 --format tar --output shards >logs/shards.log 2>&1
PATH="$PWD/bin:$PATH" SLURM_JOB_ID=1 SLURM_NNODES=1 SLURM_NTASKS=1 SLURM_GPUS_ON_NODE=2 SLURM_JOB_NODELIST=here \
    SLURM_SUBMIT_DIR="$REPO" call cluster/slurm_moco.sh shards slurm/moco --gpus --size 32 --batch_size 8 --groups 2 \
    --queue 16 --steps 2
call status.sh
export IMAGES=130 STEPS=2 LIMIT=50 LIMITS=20 SETS=dead_leaves-mixed SEEDS=0 OUT=study
call studies/photos.sh photos
SETS="dead_leaves-squares dead_leaves-oriented dead_leaves-mixed" VARIANTS=steps-2 OUT=ranking \
    call studies/ranking.sh photos
call studies/latent_recovery.sh n4
TEACHER=encoders/small_scale/stat-wmm/encoder.pth BATCH=8 DISTORTIONS=mask:0.75 KEY=mask:0.75 \
    call studies/robust_student.sh photos students clean supervised
ARMS="none learned" BUDGETS='' NOISE='' PARTS=steps OUT=learned call studies/viewmaker.sh photos
call quickstart.sh quickstart
call test.sh "$REPO/tests/utils/test_cpus.py"
call experiments/smoke.sh --help

echo
while read -r script; do
    grep "^$script: " outcome || echo "$script: FORGOTTEN; call it in scripts/experiments/smoke.sh" | tee -a outcome
done < <(cd "$REPO/scripts" && find . -name '*.sh' ! -name common.sh | sed 's|^\./||' | sort)
! grep -q "FAILED\|FORGOTTEN" outcome
