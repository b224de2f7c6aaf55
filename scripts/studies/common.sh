# shellcheck shell=bash
# Sourced by the studies: what they share of overrides, the recipe, and the probes. See cifar10.sh for the overrides.
#
#   begin_study "$@"                        checks the overrides; sets PYTHON, and DATA to the argument or to CIFAR-10
#   train_by_recipe OUTPUT SEED OPTION ...  one encoder; the options say on what
#   train_all                               train_one WORD WORD for each line of two words, JOBS at a time
#   probe_all RUNS RESULTS                  result files and their table
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

begin_study() {
    [[ $# -le 1 && "${1:-}" != -* ]] ||
        fail "not understood: $*; pass one folder of images, or nothing to download CIFAR-10"
    export PYTHON REPO OUT="${OUT:-runs/cifar10}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-600}"
    RESULTS="${RESULTS:-$OUT/results}" JOBS="${JOBS:-1}" SEEDS="${SEEDS:-0 1 2}" LIMITS="${LIMITS:-5000 50000}"
    check_counts IMAGES STEPS JOBS LIMITS
    [[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
    use_python requirements.txt
    local cores
    cores="$(getconf _NPROCESSORS_ONLN)"
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores > JOBS ? cores / JOBS : 1))}"
    export DATA="${1:-}"
    if [ -n "$DATA" ]; then
        [[ -d "$DATA/train" && -d "$DATA/val" ]] ||
            fail "$DATA needs train/<class>/ and val/<class>/; pass such a folder, or none to download CIFAR-10"
    else
        DATA="$OUT/cifar10"
        run datasets.small_photos cifar10 --output "$DATA"
    fi
}

# See "Study" in the README for how the recipe was found.
train_by_recipe() {
    local output="$1" seed="$2"
    shift 2
    run train_align_uniform --output "$output" --seed "$seed" --width 0.25 --batch_size 125 --steps "$STEPS" \
        --optimizer adamw --lr 0.001 --warmup_steps 20 --cosine "$@"
}

train_all() {
    export -f run train_by_recipe train_one
    xargs -P "$JOBS" -n 2 bash -c 'set -euo pipefail; train_one "$@"' _
}

probe_all() {
    # shellcheck disable=SC2086 # a list
    run linear_eval.compare --data "$DATA" --task cifar10 --encoders "$1" --output "$2" --train-limit $LIMITS
}
