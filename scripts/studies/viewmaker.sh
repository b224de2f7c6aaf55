#!/usr/bin/env bash
# Do learned views teach as much as expert ones? Encoders (ResNet-18, a quarter wide, 32 pixels) with no views, expert
# views, learned ones, both, and the hardest of four expert ones: on photos and on one noise set, at equal steps and at
# the time that the learned ones take; budgets from too small to too large; photos with a digit drawn over each, where
# both are asked for; spoken digits and motions. Probed clean, photos corrupted too. Takes hours on a CPU (not timed
# yet); resumes run by run.
#
#   bash scripts/studies/viewmaker.sh                            # downloads CIFAR-10
#   bash scripts/studies/viewmaker.sh FOLDER                     # photos of your own, with train/<class>/ and val/<class>/
#   PARTS=sound SOUND=free-spoken-digit-dataset bash scripts/studies/viewmaker.sh
#
# Overrides from the environment:
#   OUT=runs/viewmaker    folder of images and runs        RESULTS=$OUT/results    result files, tables and figures
#   SEEDS="0 1 2"         seeds                            PARTS="steps time budgets labels"    also: sound sensors
#   NOISE=dead_leaves-mixed    the noise set, empty for none
#   ARMS="none expert learned both hard"                   BUDGETS="0.0125 0.025 0.1 0.2 0.4"    beside 0.05
#   IMAGES=10000 STEPS=600 LIMIT=10000                     smaller for a trial; LIMIT: training images of the probe
#   CORRUPTED=1000        photos that are measured corrupted
#   SOUND=                folder of the Free Spoken Digit Dataset, for the part sound; sensors needs the package aeon
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
OUT="${OUT:-runs/viewmaker}" SEEDS="${SEEDS:-0 1 2}" PARTS="${PARTS:-steps time budgets labels}" NOISE="${NOISE-dead_leaves-mixed}"
RESULTS="${RESULTS:-$OUT/results}" ARMS="${ARMS:-none expert learned both hard}"
BUDGETS="${BUDGETS-0.0125 0.025 0.1 0.2 0.4}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-600}" SOUND="${SOUND:-}" LIMIT="${LIMIT:-10000}"
CORRUPTED="${CORRUPTED:-1000}"
check_counts IMAGES STEPS LIMIT CORRUPTED
[[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
for arm in $ARMS; do
    [[ "$arm" =~ ^(none|expert|learned|both|hard)$ ]] ||
        fail "there is no arm $arm; they are none expert learned both hard"
done
for part in $PARTS; do
    [[ "$part" =~ ^(steps|time|budgets|labels|sound|sensors)$ ]] ||
        fail "there is no part $part; they are steps time budgets labels sound sensors"
done
[[ " $PARTS " != *" sound "* || -d "$SOUND/recordings" ]] ||
    fail "the part sound needs SOUND=FOLDER of the Free Spoken Digit Dataset, which holds recordings/"
[[ $# -le 1 ]] || fail "pass one folder of photos, or none to download CIFAR-10"
[[ $# -eq 0 || (-d "$1/train" && -d "$1/val") ]] || fail "$1 needs train/<class>/ and val/<class>/"
use_python requirements.txt
# shellcheck disable=SC2086 # a name, or none
[[ -z "$NOISE" ]] || check_datasets $NOISE

# DATA CACHE OPTION ...: the recipe of all runs.
train_one() {
    local data="$1" cache="$2"
    shift 2
    train_short train_viewmaker --data "$data" ${cache:+--cache "$cache"} --encoder resnet18 --width 0.25 \
        --view_width 0.25 --view_blocks 2 "$@"
}

# SET: the folder of photos, or of noise.
folder() { if [[ "$1" == photos ]]; then echo "$PHOTOS"; else echo "$OUT/images/$1"; fi; }

# SET ARM: steps a second, measured once, so leave the machine alone meanwhile. Within $(...) nothing but `exit` stops at
# what fails.
speed() {
    local file="$OUT/speed/$1-$2" measured
    if [[ ! -s "$file" ]]; then
        mkdir -p "$OUT/speed" || exit
        measured="$(train_one "$(folder "$1")" "$OUT/packed/$1" --views "$2" --output "$OUT/speed/none" --profile 10 |
            awk '/ steps\/s,/ {print $1}')" || exit
        [[ -n "$measured" ]] || fail "--profile 10 told no steps a second of $2 views on $1"
        echo "$measured" >"$file.tmp" && mv "$file.tmp" "$file" || exit
    fi
    cat "$file"
}

# NAME OPTION ...: probes of the encoders in runs/NAME
probe() {
    local name="$1"
    shift
    run linear_eval.compare --encoders "$OUT/runs/$name" --random-inits 3 --features "$OUT/features" "$@"
}

# NAME DATA OPTION ...: none, expert and learned views
three_arms() {
    local name="$1" data="$2" arm seed
    shift 2
    for seed in $SEEDS; do
        for arm in none expert learned; do
            train_one "$data" "" --views "$arm" --steps "$STEPS" --seed "$seed" \
                --output "$OUT/runs/$name/$arm/seed-$seed" "$@"
        done
    done
}

# NAME DATA TASK ...: probes of what is no photo, with few labels and with all
probe_examples() {
    local name="$1" data="$2" protocol task
    shift 2
    for task in "$@"; do
        for protocol in knn cached; do
            probe "$name" --data "$data" --labels "$task" --protocol "$protocol" --train-limit 20% 100% \
                --output "$RESULTS/$name-$task"
        done
        run linear_eval.report "$RESULTS/$name-$task" --baseline none --output "$RESULTS/$name-$task"
    done
}

# PART: all arms, on photos and on noise, at equal steps or at equal time
compare_arms() {
    local part="$1" set arm seed steps name ours learned
    [[ -z "$NOISE" ]] || run generators "$NOISE" --output "$OUT/images/$NOISE" --samples "$IMAGES" --resolution 64
    for set in photos $NOISE; do
        name="$set-$part"
        if [[ "$part" == time ]]; then # of all arms, one right after the other
            for arm in learned $ARMS; do speed "$set" "$arm" >/dev/null; done
        fi
        for seed in $SEEDS; do
            for arm in $ARMS; do
                steps="$STEPS"
                if [[ "$part" == time ]]; then
                    ours="$(speed "$set" "$arm")"
                    learned="$(speed "$set" learned)"
                    steps="$(awk "BEGIN {print int($STEPS * $ours / $learned + 0.5)}")"
                fi
                train_one "$(folder "$set")" "$OUT/packed/$set" --views "$arm" --steps "$steps" --seed "$seed" \
                    --output "$OUT/runs/$name/$arm/seed-$seed"
            done
        done
        probe "$name" --data "$PHOTOS" --train-limit "$LIMIT" --output "$RESULTS/$name"
        run linear_eval.report "$RESULTS/$name" --baseline "${ARMS%% *}" --output "$RESULTS/$name"
        run linear_eval.robustness.measure --data "$PHOTOS" --encoders "$OUT/runs/$name" --train-limit "$LIMIT" \
            --val-limit "$CORRUPTED" --random-inits 3 --features "$OUT/features" --output "$RESULTS/$name-corrupted"
        run linear_eval.robustness "$RESULTS/$name-corrupted" --output "$RESULTS/$name-corrupted"
    done
}

PHOTOS="${1:-$OUT/cifar10}"
[[ $# -gt 0 || ! "$PARTS" =~ steps|time|budgets|labels ]] || run datasets.small_photos cifar10 --output "$PHOTOS"
for part in $PARTS; do
    case "$part" in
    steps | time) compare_arms "$part" ;;
    budgets) # drawn beside the arms of the part steps
        for seed in $SEEDS; do
            for budget in $BUDGETS; do
                train_one "$PHOTOS" "$OUT/packed/photos" --views learned --steps "$STEPS" --seed "$seed" \
                    --budget "$budget" --output "$OUT/runs/photos-steps/learned-$budget/seed-$seed"
            done
        done
        probe photos-steps --data "$PHOTOS" --train-limit "$LIMIT" --output "$RESULTS/photos-steps"
        run train_viewmaker.sweep "$RESULTS/photos-steps"
        ;;
    labels)
        run train_viewmaker.two_labels "$PHOTOS" --output "$OUT/two_labels"
        three_arms labels "$OUT/two_labels/photo"
        for task in photo digit; do
            probe labels --data "$OUT/two_labels/$task" --train-limit "$LIMIT" --output "$RESULTS/labels-$task"
            run linear_eval.report "$RESULTS/labels-$task" --baseline none --output "$RESULTS/labels-$task"
        done
        ;;
    sound)
        run datasets.sound fsdd --source "$SOUND" --size 32 --output "$OUT/sound"
        three_arms sound "$OUT/sound" --budget 0.3
        probe_examples sound "$OUT/sound" speaker digit
        ;;
    sensors)
        run datasets.sensors uea --output "$OUT/sensors"
        three_arms sensors "$OUT/sensors" --batch_size 40 --budget 1 # a smaller one is too easy for so few windows
        probe_examples sensors "$OUT/sensors" class
        ;;
    esac
done
