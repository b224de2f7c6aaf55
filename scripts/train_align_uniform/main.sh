#!/usr/bin/env bash
# Train one encoder for each of the paper's fourteen datasets in turn; those that are finished are skipped, the one that
# was stopped goes on. Images are expected in data/small_scale/<name>; encoders appear in encoders/small_scale/<name>.
#
#   bash scripts/train_align_uniform/main.sh GPU0 GPU1              # as in the paper: two GPUs, DataParallel
#   bash scripts/train_align_uniform/main.sh GPU0                   # one GPU, the same batch statistics
#   bash scripts/train_align_uniform/main.sh 0 1 stat-wmm stylegan-oriented      # some of the datasets
#   OPTIONS="--width 0.25 --steps 600" bash scripts/train_align_uniform/main.sh cpu        # small enough for a CPU
#
# Downloaded encoders count as finished. To train beside one: ENCODERS=encoders/own bash ... 0 1 NAME
#
# Overrides from the environment:
#   DATA=data/small_scale    ENCODERS=encoders/small_scale    OPTIONS=    further options of the trainer (its --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
gpus=() on_cpu="OPTIONS=\"--width 0.25 --steps 600\" bash $0 cpu"
while [[ "${1:-}" =~ ^[0-9]+$ && ${#gpus[@]} -lt 2 ]]; do
    gpus+=("$1")
    shift
done
if [ "${1:-}" = cpu ] && [ ${#gpus[@]} -eq 0 ]; then
    shift
elif [ ${#gpus[@]} -eq 0 ]; then
    fail "pass the numbers of two GPUs, or of one; without any: $on_cpu"
fi
[[ " $*" != *" -"* ]] || fail "not understood: $*; pass names of datasets, and options of the trainer in OPTIONS"
DATA="${DATA:-data/small_scale}" ENCODERS="${ENCODERS:-encoders/small_scale}" OPTIONS="${OPTIONS:-}"
use_python requirements.txt

said="$(run utils.devices "${gpus[@]}" 2>&1)" || fail "${said#error: }: $on_cpu"
names="$(run training.trained "$@" --list ready --data "$DATA" --encoders "$ENCODERS")"
failed=()
for name in $names; do
    echo "== $name"
    code=0
    # shellcheck disable=SC2086 # a list
    run train_align_uniform --data "$DATA/$name" --output "$ENCODERS/$name" $OPTIONS --gpus "${gpus[@]}" || code=$?
    [ "$code" -lt 128 ] || exit "$code" # a signal is for all
    [ "$code" -eq 0 ] || failed+=("$name")
done
run training.trained "$@" --data "$DATA" --encoders "$ENCODERS"
[ ${#failed[@]} -eq 0 ] || fail "not trained, for the reasons above: ${failed[*]}"
