#!/usr/bin/env bash
# Which noise teaches most? One encoder per noise set, and one on the unlabelled photos themselves, at equal steps,
# probed on CIFAR-10 beside random initialisations, and the ranking beside the paper's. About 5 minutes an encoder on
# 2 CPU cores, three encoders a set, and up to an hour for the images of a set; resumes run by run.
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
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
begin_study "$@"
SETS="${SETS:-$(run generators list | awk '$NF == "yes" {print $1}')}"
# shellcheck disable=SC2086 # a list
check_datasets $SETS

train_one() { # NAME SEED
    local folder="$OUT/images/$1"
    [ "$1" != cifar10 ] || folder="$DATA"
    train_by_recipe "$OUT/runs/$1/seed-$2" "$2" --data "$folder" --cache "$OUT/packed/$1"
}

for name in $SETS; do
    run generators "$name" --output "$OUT/images/$name" --samples "$IMAGES" --resolution 128
done
for seed in $SEEDS; do
    for name in $SETS cifar10; do
        echo "$name $seed"
    done
done | train_all

probe_all "$OUT/runs" "$RESULTS"
run linear_eval.report "$RESULTS" --output "$RESULTS"
run linear_eval.ranking "$RESULTS" --output "$RESULTS"
