#!/usr/bin/env bash
# VTAB: every encoder on every task that is ready, what is there already left alone; then the tables. Run it again when
# more tasks are prepared (python -m datasets.vtab status) or more encoders trained.
#
#   bash scripts/linear_eval/vtab.sh                                   # all under encoders/small_scale
#   bash scripts/linear_eval/vtab.sh stylegan-oriented stat-wmm        # some of them
#   bash scripts/linear_eval/vtab.sh moco/checkpoint_0199.pth.tar torchvision:resnet50
#
# Overrides from the environment:
#   VTAB=data/vtab                   prepared tasks          RESULTS=results/vtab          result files and tables
#   ENCODERS=encoders/small_scale    folder of encoders      GPU=0                         its number, or cpu (default: 0
#   PROTOCOLS=cached                 or "cached knn paper"                                 if there is one)
#   TRAIN_LIMIT=20000                training images at most RANDOM_INITS=1                random initialisations
#   FEATURES=runs/features           what the protocols share IMAGENET100=data/imagenet100  for the status at the end
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
VTAB="${VTAB:-data/vtab}" RESULTS="${RESULTS:-results/vtab}" ENCODERS="${ENCODERS:-encoders/small_scale}"
PROTOCOLS="${PROTOCOLS:-cached}" TRAIN_LIMIT="${TRAIN_LIMIT:-20000}" RANDOM_INITS="${RANDOM_INITS:-1}"
FEATURES="${FEATURES:-runs/features}" GPU="${GPU:-}"
encoders=()
for encoder in "${@:-$ENCODERS}"; do
    [[ -e "$encoder" || "$encoder" == torchvision:* ]] || encoder="$ENCODERS/$encoder"
    encoders+=("$encoder")
done
use_python requirements.txt

# shellcheck disable=SC2086 # lists
run linear_eval.vtab "${encoders[@]}" --root "$VTAB" --output "$RESULTS" --features "$FEATURES" \
    --protocol $PROTOCOLS --train-limit "$TRAIN_LIMIT" --random-inits "$RANDOM_INITS" ${GPU:+--gpus ${GPU/cpu/}}
run linear_eval.report "$RESULTS" --output "$RESULTS"
run linear_eval.status --results "$(dirname "$RESULTS")" --encoders "$ENCODERS" --vtab "$VTAB" \
    ${IMAGENET100:+--imagenet100 "$IMAGENET100"}
