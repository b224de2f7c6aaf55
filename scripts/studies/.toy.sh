#!/usr/bin/env bash
# Do learned views teach as much as expert ones? Encoders on photos and on one noise set, with no views, expert views,
# learned ones, both, and the hardest of four expert ones; at equal steps, and at the time that the learned ones take;
# and with budgets from too small to too large. All are probed on the photos. A run takes about 10 minutes of a CPU
# core; resumes run by run.
#
#   bash scripts/studies/viewmaker.sh              # downloads CIFAR-10
#   bash scripts/studies/viewmaker.sh FOLDER       # photos of your own, with train/<class>/ and val/<class>/
#
# Overrides from the environment:
#   OUT=runs/viewmaker    folder of images and runs        RESULTS=$OUT/results    result files, tables and figures
#   SEEDS="0 1 2"         seeds                            PARTS="steps time"      equal steps, equal time
#   NOISE=dead_leaves-mixed    the noise set, empty for none
#   ARMS="none expert learned both hard"                   BUDGETS="0.0125 0.025 0.1 0.2 0.4"    beside 0.05
#   IMAGES=10000 STEPS=600 LIMIT=10000                     smaller for a trial; LIMIT: training images of the probe
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
OUT="${OUT:-runs/viewmaker}" SEEDS="${SEEDS:-0 1 2}" PARTS="${PARTS:-steps time}" NOISE="${NOISE-dead_leaves-mixed}"
RESULTS="${RESULTS:-$OUT/results}" ARMS="${ARMS:-none expert learned both hard}"
BUDGETS="${BUDGETS-0.0125 0.025 0.1 0.2 0.4}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-600}" LIMIT="${LIMIT:-10000}"
check_counts IMAGES STEPS LIMIT
[[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
for arm in $ARMS; do
    [[ "$arm" =~ ^(none|expert|learned|both|hard)$ ]] ||
        fail "there is no arm $arm; they are none expert learned both hard"
done
for part in $PARTS; do
    [[ "$part" =~ ^(steps|time)$ ]] || fail "there is no part $part; they are steps and time"
done
[[ $# -le 1 ]] || fail "pass one folder of photos, or none to download CIFAR-10"
[[ $# -eq 0 || (-d "$1/train" && -d "$1/val") ]] || fail "$1 needs train/<class>/ and val/<class>/"
use_python requirements.txt
# shellcheck disable=SC2086 # a name, or none
[[ -z "$NOISE" ]] || check_datasets $NOISE
if [[ $# -eq 0 ]]; then
    set -- "$OUT/cifar10"
    run datasets.small_photos cifar10 --output "$1"
fi
PHOTOS="$1"
[[ -z "$NOISE" ]] || run generators "$NOISE" --output "$OUT/images/$NOISE" --samples "$IMAGES" --resolution 64

# SET ARM OPTION ...: the recipe of all runs on one set.
train_one() {
    local set="$1" arm="$2" data="$OUT/images/$1"
    shift 2
    [[ "$set" != photos ]] || data="$PHOTOS"
    run train_viewmaker --data "$data" --cache "$OUT/packed/$set" --views "$arm" --size 32 --width 0.25 \
        --view_width 0.25 --view_blocks 2 --batch_size 60 --optimizer muon --lr 0.001 --warmup_steps 20 --cosine "$@"
}

# SET ARM: steps a second, measured once.
speed() {
    local file="$OUT/speed/$1-$2"
    if [[ ! -s "$file" ]]; then
        mkdir -p "$OUT/speed"
        train_one "$1" "$2" --output "$OUT/speed/none" --profile 2 | awk '/ steps\/s,/ {print $1}' >"$file.tmp"
        mv "$file.tmp" "$file"
    fi
    cat "$file"
}

for seed in $SEEDS; do
    for set in photos $NOISE; do
        for arm in $ARMS; do
            for part in $PARTS; do
                steps="$STEPS"
                if [[ "$part" == time ]]; then
                    ours="$(speed "$set" "$arm")" learned="$(speed "$set" learned)"
                    steps="$(awk "BEGIN {print int($STEPS * $ours / $learned + 0.5)}")"
                fi
                train_one "$set" "$arm" --steps "$steps" --seed "$seed" --output "$OUT/runs/$set-$part/$arm/seed-$seed"
            done
        done
    done
    for budget in $BUDGETS; do
        train_one photos learned --steps "$STEPS" --seed "$seed" --budget "$budget" \
            --output "$OUT/runs/photos-steps/learned-$budget/seed-$seed"
    done
done

for folder in "$OUT"/runs/*; do
    name="$(basename "$folder")"
    run linear_eval.compare --data "$PHOTOS" --encoders "$folder" --train-limit "$LIMIT" --random-inits 1 \
        --features "$OUT/features" --output "$RESULTS/$name"
    run linear_eval.report "$RESULTS/$name" --output "$RESULTS/$name"
done
[[ -z "$BUDGETS" ]] || run train_viewmaker.sweep "$RESULTS/photos-steps"
