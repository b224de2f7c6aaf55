#!/usr/bin/env bash
# Students that see through masks, noise and blur, on real photos: each beside the clean encoder and a network trained on
# labels, with level sweeps, few labels, what becomes of clean images, and students that never saw a photo. Prints the
# authors' numbers beside ours and draws the sweep. A part takes minutes on a GPU and hours on two cores. Resumes run by
# run; result files that are there are not made again.
#
#   bash scripts/studies/robust_student.sh DATA                    # DATA holds train/<class>/ and val/<class>/
#   bash scripts/studies/robust_student.sh DATA students clean     # some parts, in this order:
#       students clean noise_images hold labels sweep supervised distilled losses repaired matrix transfer
#
# DATA is Tiny-ImageNet in our results: python -m datasets.small_photos tiny_imagenet --classes 100
# Part `transfer` probes another folder, and needs OTHER; all parts leave it out without.
#
# Overrides from the environment:
#   DISTORTIONS="mask:0.5 ..."      of students, clean encoder and supervised networks
#   KEY="mask:0.75 noise:0.3"       those that the other parts take
#   STEPS=300 BATCH=64 LR=1e-3 SIZE=64 TEACHER=efficientnet-lite0     of training: three minutes of one core
#   NOISE=dead_leaves-mixed         named dataset that students without photos are trained on
#   SHARES="0.001 0.005 0.01 0.05 0.1 1"    of labels        REPEATS=10     passes of a level of the sweep
#   TRAIN_LIMIT=5000                images to fit probes on; the part `labels` takes all
#   VAL_LIMIT=                      images to measure on (default: all)
#   OTHER=data/cifar10              folder for the part `transfer`
#   RUNS=runs/robust_student        run folders                    RESULTS=$RUNS/results       result files and tables
#   SEED=0    GPU=0 (default: the CPU)    CACHE= (of packed photos)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[ $# -gt 0 ] || fail "pass the folder of photos; --help says more"
DATA="$1" && shift
all="students clean noise_images hold labels sweep supervised distilled losses repaired matrix transfer"
# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- ${all% transfer} ${OTHER:+transfer}
for part in "$@"; do
    [[ " $all " == *" $part "* ]] || fail "there is no part $part; they are $all"
done
# Blurs of 21 and 37 pixels with sigma 5 and 9 are the paper's, at 224 pixels: these are as wide at 64.
DISTORTIONS="${DISTORTIONS:-mask:0.5 mask:0.75 mask:0.9 noise:0.1 noise:0.3 noise:0.5 blur:7,1.43 blur:11,2.57}"
KEY="${KEY:-mask:0.75 noise:0.3}" STEPS="${STEPS:-300}" BATCH="${BATCH:-64}" LR="${LR:-1e-3}" SIZE="${SIZE:-64}"
TEACHER="${TEACHER:-efficientnet-lite0}" NOISE="${NOISE:-dead_leaves-mixed}" SEED="${SEED:-0}" GPU="${GPU:-}"
SHARES="${SHARES:-0.001 0.005 0.01 0.05 0.1 1}" REPEATS="${REPEATS:-10}" OTHER="${OTHER:-}" CACHE="${CACHE:-}"
RUNS="${RUNS:-runs/robust_student}" TRAIN_LIMIT="${TRAIN_LIMIT:-5000}"
RESULTS="${RESULTS:-$RUNS/results}"
check_counts STEPS BATCH SIZE REPEATS TRAIN_LIMIT VAL_LIMIT
[[ " $* " != *" transfer "* || -d "$OTHER" ]] ||
    fail "the part transfer needs OTHER=FOLDER with train/<class>/ and val/<class>/"
[ -d "$DATA/val" ] || fail "$DATA holds no val/; pass a folder with train/<class>/ and val/<class>/"
use_python requirements.txt

precision=float32 # of training; on a CPU, bfloat16 takes longer: its depthwise convolutions have slow gradients
[ -z "$GPU" ] || precision=auto
photos=(--data "$DATA" ${CACHE:+--cache "$CACHE"})
named() { tr ':,' '--' <<<"$1"; } # mask:0.75 -> mask-0.75

# MODULE NAME OPTION ...
learn() {
    local module="$1" name="$2"
    shift 2
    # shellcheck disable=SC2086 # a list
    run "$module" --output "$RUNS/$name" --teacher "$TEACHER" --size "$SIZE" --batch_size "$BATCH" --steps "$STEPS" \
        --lr "$LR" --cosine --warmup_steps 10 --seed "$SEED" --precision "$precision" --gpus $GPU "$@"
}

# FILE OPTION ...
measure() {
    local file="$1"
    shift
    # shellcheck disable=SC2086 # a list
    run train_distillation.evaluation --data "$DATA" --output "$RESULTS/$file.json" --seed "$SEED" --gpus $GPU \
        ${TRAIN_LIMIT:+--train-limit "$TRAIN_LIMIT"} ${VAL_LIMIT:+--val-limit "$VAL_LIMIT"} "$@"
}

clean=(--encoder "$TEACHER" --size "$SIZE")
student() { # DISTORTION NAME OPTION ...: train it, then a probe of its own and the clean encoder's head
    learn train_distillation "$2" --distortion "$1" "${@:3}"
    measure "$2-own" --encoder "$RUNS/$2" --test "$1"
    measure "$2-clean" --encoder "$RUNS/$2" --head clean --test "$1" none
}
reference() { measure "clean-$(named "$1")-own" "${clean[@]}" --distortion "$1"; }

for part in "$@"; do
    case "$part" in
    students) for d in $DISTORTIONS; do student "$d" "$(named "$d")" "${photos[@]}"; done ;;
    clean)
        for d in $DISTORTIONS; do reference "$d"; done
        # shellcheck disable=SC2086 # a list
        measure clean-clean "${clean[@]}" --head clean --test none $DISTORTIONS
        ;;
    noise_images)
        for d in $KEY; do
            student "$d" "$(named "$d")-$NOISE" --data "$NOISE" --parameters resolution="$SIZE"
        done
        ;;
    hold)
        for d in $KEY; do
            for weight in 1 5 20; do student "$d" "$(named "$d")-hold-$weight" "${photos[@]}" --hold_w $weight; done
            STEPS=$((3 * STEPS)) student "$d" "$(named "$d")-long" "${photos[@]}"
            STEPS=$((3 * STEPS)) student "$d" "$(named "$d")-hold-5-long" "${photos[@]}" --hold_w 5 --hold_share 0.5
        done
        ;;
    labels)
        for d in $KEY; do
            learn train_distillation "$(named "$d")" --distortion "$d" "${photos[@]}"
            # Of all training images: 0.1 % of 5,000 would be less than one a class.
            # shellcheck disable=SC2086 # a list
            TRAIN_LIMIT="" measure "$(named "$d")-labels" --encoder "$RUNS/$(named "$d")" --shares $SHARES
            # shellcheck disable=SC2086 # a list
            TRAIN_LIMIT="" measure "clean-$(named "$d")-labels" "${clean[@]}" --distortion "$d" --shares $SHARES
        done
        ;;
    sweep)
        for d in mask:0.5-0.95 noise:0.1-0.3; do
            levels="mask:0.5 mask:0.75 mask:0.8 mask:0.9 mask:0.93 mask:0.95 mask:0.96 mask:0.97 mask:0.98 mask:0.99"
            [[ $d == mask* ]] || levels="$(printf 'noise:%s ' 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5)"
            learn train_distillation "$(named "$d")" --distortion "$d" "${photos[@]}"
            # shellcheck disable=SC2086 # lists
            measure "$(named "$d")-sweep" --encoder "$RUNS/$(named "$d")" --test $levels --repeats "$REPEATS"
            # shellcheck disable=SC2086 # lists
            measure "clean-$(named "$d")-sweep" "${clean[@]}" --distortion "$d" --test $levels --repeats "$REPEATS"
        done
        ;;
    supervised | distilled)
        alpha=0 list="$DISTORTIONS"
        [ "$part" = supervised ] || alpha=0.9 list="$KEY"
        for d in $list; do
            name="$(named "$d")-$part"
            learn train_distillation.supervised "$name" --distortion "$d" "${photos[@]}" --labels "$DATA" --alpha $alpha
            measure "$name-trained" --encoder "$RUNS/$name" --head trained --test "$d" none
        done
        ;;
    losses)
        for d in $KEY; do
            for loss in ss both nt-xent clip mse; do
                student "$d" "$(named "$d")-$loss" "${photos[@]}" --loss "$loss"
            done
            student "$d" "$(named "$d")-dense" "${photos[@]}" --dense_w 1
        done
        ;;
    repaired)
        measure clean-nl-means "${clean[@]}" --head clean --test noise:0.1 noise:0.3 noise:0.5 --restore nl-means
        VAL_LIMIT="${VAL_LIMIT:-100}" measure clean-deep-decoder "${clean[@]}" --head clean --test mask:0.5 mask:0.75 \
            --restore deep-decoder:200 # a few seconds an image; published, 5,000 iterations
        ;;
    matrix)
        for d in $DISTORTIONS; do
            # shellcheck disable=SC2086 # a list
            measure "$(named "$d")-matrix" --encoder "$RUNS/$(named "$d")" --test $DISTORTIONS
        done
        ;;
    transfer)
        for d in $KEY; do
            measure "$(named "$d")-transfer" --data "$OTHER" --encoder "$RUNS/$(named "$d")"
            measure "clean-$(named "$d")-transfer" --data "$OTHER" "${clean[@]}" --distortion "$d"
        done
        ;;
    esac
done
run train_distillation.evaluation.tables "$RESULTS"
