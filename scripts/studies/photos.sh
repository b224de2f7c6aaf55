#!/usr/bin/env bash
# Which noise teaches most about photos? One encoder for each noise set, and one on the unlabelled photos of each task,
# at equal steps, probed on photos beside random initialisations, and the ranking beside the paper's. About 5 minutes
# of a CPU core an encoder, a minute to probe it, and up to an hour for the images of a set; resumes run by run.
#
#   bash scripts/studies/photos.sh                   # downloads CIFAR-10, and Tiny-ImageNet for a hundred classes of it
#   bash scripts/studies/photos.sh FOLDER ...        # tasks of your own, each with train/<class>/ and val/<class>/
#
# Overrides from the environment:
#   OUT=runs/photos       folder of images and runs        RESULTS=$OUT/results    result files, table and figure
#   SETS="a b"            noise sets (default: those with "yes" under "study" in `python -m generators list`)
#   SEEDS="0"             seeds, of images and encoders: "0 1 2" and more for the sets that a claim rests on
#   JOBS=1                encoders trained side by side, each on its share of the cores
#   IMAGES=10000 STEPS=2400 LIMITS="10000"     smaller for a trial; IMAGES: 125 or more; LIMITS: training images of the
#                         probes
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
export PYTHON REPO OUT="${OUT:-runs/photos}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-2400}"
RESULTS="${RESULTS:-$OUT/results}" JOBS="${JOBS:-1}" SEEDS="${SEEDS:-0}" LIMITS="${LIMITS:-10000}"
check_counts IMAGES STEPS JOBS
check_limits
[[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
check_tasks "$@"
use_python requirements.txt
cores="$(getconf _NPROCESSORS_ONLN)"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores > JOBS ? cores / JOBS : 1))}"
SETS="${SETS:-$(run generators list | awk '$NF == "yes" {print $1}')}"
# shellcheck disable=SC2086 # a list
check_datasets $SETS
if [[ $# -eq 0 ]]; then
    set -- "$OUT/cifar10" "$OUT/tiny_imagenet-100"
    run datasets.small_photos cifar10 --output "$1"
    run datasets.small_photos tiny_imagenet --classes 100 --output "$2"
fi

# Nine tenths of the steps see views of half the side.
train_one() { # NAME SEED FOLDER CACHE
    train_short train_align_uniform --data "$3" --cache "$4" --output "$OUT/runs/$1/seed-$2" --seed "$2" \
        --half_size 0.9 --width 0.125 --steps "$STEPS"
}

export -f run train_short train_one
for seed in $SEEDS; do
    for name in $SETS; do
        run generators "$name" --output "$OUT/images/$name/seed-$seed" --seed "$seed" --samples "$IMAGES" \
            --resolution 128
    done
    {
        for name in $SETS; do
            printf '%s\0' "$name" "$seed" "$OUT/images/$name/seed-$seed" "$OUT/packed/$name/seed-$seed"
        done
        for task in "$@"; do
            printf '%s\0' "photos-$(basename -- "$task")" "$seed" "$task" "$OUT/packed/photos-$(basename -- "$task")"
        done
    } | xargs -0 -P "$JOBS" -n 4 bash -c 'set -euo pipefail; train_one "$@"' _
done

for task in "$@"; do
    for protocol in cached knn; do
        # shellcheck disable=SC2086 # a list
        run linear_eval.compare --data "$task" --encoders "$OUT/runs" --protocol "$protocol" --train-limit $LIMITS \
            --random-inits 5 --features "$OUT/features" --output "$RESULTS/$(basename -- "$task")"
    done
done
run linear_eval.report "$RESULTS" --output "$RESULTS"
run linear_eval.ranking "$RESULTS" --output "$RESULTS"
