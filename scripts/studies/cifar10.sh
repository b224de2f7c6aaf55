#!/usr/bin/env bash
# Which noise teaches most? One encoder per noise set, and one on the unlabelled photos themselves, at equal steps, probed
# on CIFAR-10 beside random initialisations, and the ranking beside the paper's. About 5 minutes an encoder on 2 CPU cores,
# three encoders a set, and up to an hour for the images of a set; resumes run by run.
#
#   bash scripts/studies/cifar10.sh             # downloads CIFAR-10
#   bash scripts/studies/cifar10.sh DATA        # DATA holds train/<class>/ and val/<class>/
#
# Overrides from the environment:
#   OUT=runs/cifar10      folder of images and runs        RESULTS=$OUT/results    result files, table and figure
#   SETS="a b"            noise sets (default: those with "yes" under "study" in `python -m generators list`)
#   SEEDS="0 1 2"         seeds
#   JOBS=1                encoders trained side by side, each on its share of the cores
#   IMAGES=10000 STEPS=600 LIMITS="5000 50000"             smaller for a trial
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[[ $# -le 1 && "${1:-}" != -* ]] || fail "not understood: $*; pass one folder of images, or nothing to download CIFAR-10"
export PYTHON REPO OUT="${OUT:-runs/cifar10}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-600}"
RESULTS="${RESULTS:-$OUT/results}" JOBS="${JOBS:-1}" SEEDS="${SEEDS:-0 1 2}" LIMITS="${LIMITS:-5000 50000}"
check_counts IMAGES STEPS JOBS LIMITS
[[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
use_python requirements.txt
SETS="${SETS:-$(run generators list | awk '$NF == "yes" {print $1}')}"
# shellcheck disable=SC2086 # a list, and so below
check_datasets $SETS
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

train_one() { # NAME SEED
    local name="$1" seed="$2" folder="$OUT/images/$1"
    [ "$name" != cifar10 ] || folder="$DATA"
    # The recipe: see "Study" in the README for how it was found.
    run train_align_uniform --data "$folder" --cache "$OUT/packed/$name" --output "$OUT/runs/$name/seed-$seed" \
        --seed "$seed" --width 0.25 --batch_size 125 --steps "$STEPS" --optimizer adamw --lr 0.001 --warmup_steps 20 --cosine
}
export -f run train_one

for name in $SETS; do
    run generators "$name" --output "$OUT/images/$name" --samples "$IMAGES" --resolution 128
done
for seed in $SEEDS; do
    for name in $SETS cifar10; do
        echo "$name $seed"
    done
done | xargs -P "$JOBS" -n 2 bash -c 'set -euo pipefail; train_one "$@"' _

# shellcheck disable=SC2086
run linear_eval.compare --data "$DATA" --task cifar10 --encoders "$OUT/runs" \
    --output "$RESULTS" --train-limit $LIMITS
run linear_eval.report "$RESULTS" --output "$RESULTS"
run linear_eval.ranking "$RESULTS" --output "$RESULTS"
