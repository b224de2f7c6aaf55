#!/usr/bin/env bash
# ImageNet-100 accuracy of every encoder under encoders/small_scale that has none yet, beside a random initialisation and
# features without a network, in the paper's protocol; then the table beside the paper's. Go on by running it again.
#
#   bash scripts/train_align_uniform/linear_eval.sh IMAGENET100 GPU      # GPU: its number, or cpu
#
# IMAGENET100 is what scripts/datasets/generate_imagenet100.sh makes. Overrides from the environment:
#   ENCODERS=encoders/small_scale    folder of encoders      RESULTS=results/imagenet100   result files and tables
#   PROTOCOL=paper                   or cached, knn          LIMITS="5000 20000"           training images (default: all)
#   RANDOM_INITS=1                   random initialisations  FEATURES=runs/features        what cached and knn share
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[ $# -eq 2 ] || fail "pass the folder of ImageNet-100 and the number of a GPU, or cpu"
ENCODERS="${ENCODERS:-encoders/small_scale}" RESULTS="${RESULTS:-results/imagenet100}" PROTOCOL="${PROTOCOL:-paper}"
RANDOM_INITS="${RANDOM_INITS:-1}" FEATURES="${FEATURES:-runs/features}" LIMITS="${LIMITS:-}"
[ -d "$1" ] || fail "$1 is not a folder; make it: bash scripts/datasets/generate_imagenet100.sh IMAGENET1K $1"
[ -d "$ENCODERS" ] || fail "$ENCODERS is not there; train encoders to $ENCODERS/<name>, or set ENCODERS"
use_python requirements.txt

# shellcheck disable=SC2086 # a list
run linear_eval.compare --data "$1" --encoders "$ENCODERS" --protocol "$PROTOCOL" \
    --output "$RESULTS" --features "$FEATURES" --random-inits "$RANDOM_INITS" \
    ${LIMITS:+--train-limit $LIMITS} --gpus ${2/cpu/}
run linear_eval.report "$RESULTS" --output "$RESULTS"
