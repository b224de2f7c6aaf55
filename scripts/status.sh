#!/usr/bin/env bash
# What there is: images and encoder of each named dataset, and what the encoders have been evaluated on; and the next
# command for what is missing.
#
#   bash scripts/status.sh
#   bash scripts/status.sh dead_leaves-mixed stat-wmm         # these datasets only
#
# Overrides from the environment:
#   DATA=data/small_scale    ENCODERS=encoders/small_scale    RESULTS=results    VTAB=data/vtab
#   IMAGENET100=data/imagenet100
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
[[ " $*" != *" -"* ]] || fail "not understood: $*; pass names of datasets, or nothing for all"
ENCODERS="${ENCODERS:-encoders/small_scale}"
use_python requirements.txt
names="${*:-$(run generators list | awk 'NR > 1 {print $1}')}"

# shellcheck disable=SC2086 # a list
run training.trained $names --data "${DATA:-data/small_scale}" --encoders "$ENCODERS"
echo
run linear_eval.status --results "${RESULTS:-results}" --encoders "$ENCODERS" --vtab "${VTAB:-data/vtab}" \
    --imagenet100 "${IMAGENET100:-data/imagenet100}"
