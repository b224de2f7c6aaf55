#!/usr/bin/env bash
# What in the study of cifar10.sh matters? Its recipe with one thing changed at a time, on two noise sets that teach
# much and two that teach little: images that never come twice in place of 10,000 fixed ones; both views in one batch of
# BatchNorm in place of each in its own (one seed); and, on a StyleGAN set, new weights for every image in place of every
# fourth (one seed). Run cifar10.sh first: its encoders are what these are compared with. Resumes run by run.
#
#   bash scripts/studies/second_look.sh             # downloads CIFAR-10
#   bash scripts/studies/second_look.sh DATA        # DATA holds train/<class>/ and val/<class>/
#
# Overrides from the environment: those of cifar10.sh, but
#   SETS="a b"                      sets of the first two comparisons
#   STYLEGAN=stylegan-oriented      set of the third
#   SECOND=$OUT/second-results      the new result files, and a table of them beside those of the study
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
begin_study "$@"
SECOND="${SECOND:-$OUT/second-results}" STYLEGAN="${STYLEGAN:-stylegan-oriented}"
SETS="${SETS:-dead_leaves-squares dead_leaves-mixed stat-spectrum dead_leaves-textures}"
# shellcheck disable=SC2086 # a list
check_datasets $SETS $STYLEGAN
compgen -G "$RESULTS/random-init-*.json" >/dev/null ||
    fail "$RESULTS has no results; run bash scripts/studies/cifar10.sh first"

train_one() { # NAME-CHANGE SEED
    local name="${1%-*}" output="$OUT/second/$1/seed-$2"
    case "${1##*-}" in
    endless) train_by_recipe "$output" "$2" --data "$name" --parameters resolution=128 ;;
    joint) train_by_recipe "$output" "$2" --data "$OUT/images/$name" --cache "$OUT/packed/$name" --batch_norm joint ;;
    draw1) train_by_recipe "$output" "$2" --data "$OUT/images/$1" --cache "$OUT/packed/$1" ;;
    esac
}

for name in $SETS; do
    run generators "$name" --output "$OUT/images/$name" --samples "$IMAGES" --resolution 128
done
run generators "$STYLEGAN" --draw 1 --output "$OUT/images/$STYLEGAN-draw1" --samples "$IMAGES" --resolution 128
{
    for name in $SETS; do
        for seed in $SEEDS; do
            echo "$name-endless $seed"
        done
        echo "$name-joint ${SEEDS%% *}"
    done
    echo "$STYLEGAN-draw1 ${SEEDS%% *}"
} | train_all

probe_all "$OUT/second" "$SECOND"
shopt -s nullglob
files=("$SECOND"/*.json)
for name in $SETS "$STYLEGAN"; do
    files+=("$RESULTS/$name"-seed-*.json)
done
run linear_eval.report "${files[@]}" --output "$SECOND"
