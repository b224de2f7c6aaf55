#!/usr/bin/env bash
# One experiment from noise to table: the images of a dataset, an encoder trained on nothing else, and its accuracy on
# ImageNet-100 and on VTAB, as far as these are prepared. What images and training need of time, disk and memory is
# measured and said first. Run it again to go on where it was; what is finished is left alone. Downloaded images and
# encoders are taken as they are.
#
#   bash scripts/experiments/run.sh NAME GPU0 GPU1           # as in the paper: trained on two GPUs
#   bash scripts/experiments/run.sh NAME GPU0                # on one, with the same batch statistics
#   bash scripts/experiments/run.sh NAME                     # on the first GPU, or the CPU where there is none
#   SAMPLES=10000 OPTIONS="--width 0.25 --batch_size 125 --steps 600 --cosine --warmup_steps 20 --optimizer muon \
#       --lr 0.001 --half_size 0.9" bash scripts/experiments/run.sh NAME cpu           # small enough for a CPU
#
# NAME is one of `python -m generators list`. Overrides from the environment:
#   SAMPLES= RESOLUTION=        of the images (default: 105,000, as published)      WORKERS=      processes that render
#   ENCODER=                    weights, for a dataset that needs some              OPTIONS=      of the trainer
#   DATA=data/small_scale       folder of image folders     ENCODERS=encoders/small_scale         folder of run folders
#   IMAGENET100=data/imagenet100                            VTAB=data/vtab                        prepared tasks
#   RESULTS=results             imagenet100/ and vtab/ appear in it                 FEATURES=runs/features
#   PROTOCOL=                   of both probes (default: paper on ImageNet-100, cached on VTAB)
#   LIMITS="5000 20000"         training images of ImageNet-100 (default: all)      TRAIN_LIMIT=20000 of VTAB, at most
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[ $# -ge 1 ] || fail "pass the name of a dataset, and the numbers of one or two GPUs, or cpu"
name="$1"
shift
[[ "$*" =~ ^(cpu|[0-9]+( [0-9]+)?|)$ && $# -eq "$(wc -w <<<"$*")" ]] ||
    fail "not understood: $*; pass the numbers of one or two GPUs, or cpu"
check_counts SAMPLES RESOLUTION WORKERS TRAIN_LIMIT
check_limits
for variable in IMAGENET100 VTAB; do
    [[ -z "${!variable:-}" || -d "${!variable}" ]] || fail "$variable=${!variable} is not a folder; correct it, or leave \
it out to pass over what is not prepared"
done
DATA="${DATA:-data/small_scale}" ENCODERS="${ENCODERS:-encoders/small_scale}" RESULTS="${RESULTS:-results}"
IMAGENET100="${IMAGENET100:-data/imagenet100}" VTAB="${VTAB:-data/vtab}" OPTIONS="${OPTIONS:-}"
use_python requirements.txt
export PYTHON VTAB IMAGENET100 # for the scripts below
check_datasets "$name"
run linear_eval.compare --protocol "${PROTOCOL:-cached}" --help >/dev/null # what it refuses, it refuses now
gpus=("${@/cpu/}")
[ $# -gt 0 ] || gpus=("$("$PYTHON" -c 'import torch; print(0 if torch.cuda.is_available() else "")')")
[ -n "${gpus[0]}" ] || gpus=()
device="${gpus[0]:-cpu}" folder="$ENCODERS/$name" record="$DATA/$name/dataset.json"
images=(${SAMPLES:+--samples "$SAMPLES"} ${RESOLUTION:+--resolution "$RESOLUTION"} ${WORKERS:+--workers "$WORKERS"}
    ${ENCODER:+--encoder "$ENCODER"})
made_here=yes
[ ! -d "$DATA/$name/train" ] || grep -qs '"process"' "$record" || made_here=
tables=()

if [ -e "$folder/config.json" ] || ! compgen -G "$folder/*.pth*" >/dev/null; then
    needs=("${images[@]}")
    [ -n "$made_here" ] || needs=(--data "$DATA/$name")
    # shellcheck disable=SC2086 # a list
    run train_align_uniform.needs "$name" "${needs[@]}" --output "$folder" $OPTIONS --gpus "${gpus[@]}"
    echo "== 1/4 images"
    if [ -n "$made_here" ]; then
        run generators "$name" --output "$DATA/$name" "${images[@]}"
    else
        echo "$DATA/$name: not made here, and taken as it is"
    fi
    echo "== 2/4 encoder"
    # shellcheck disable=SC2086
    run train_align_uniform --data "$DATA/$name" --output "$folder" $OPTIONS --gpus "${gpus[@]}"
else
    echo "== 1/4, 2/4: the encoder in $folder was not trained here, and is taken as it is"
fi

echo "== 3/4 ImageNet-100"
if [ -d "$IMAGENET100/train" ]; then
    ENCODERS="$folder" RESULTS="$RESULTS/imagenet100" \
        bash "$REPO/scripts/train_align_uniform/linear_eval.sh" "$IMAGENET100" "$device"
    tables+=("$RESULTS/imagenet100/table.md")
else
    printf 'passed over until it is there: bash %q IMAGENET1K %q\n' "$REPO/scripts/datasets/generate_imagenet100.sh" \
        "$IMAGENET100"
fi

echo "== 4/4 VTAB"
if compgen -G "$VTAB/*/dataset.json" >/dev/null || compgen -G "$VTAB/*/train800val200.txt" >/dev/null; then
    ENCODERS="$folder" RESULTS="$RESULTS/vtab" PROTOCOLS="${PROTOCOL:-cached}" GPU="$device" \
        bash "$REPO/scripts/linear_eval/vtab.sh"
    tables+=("$RESULTS/vtab/table.md")
else
    printf 'passed over until a task is there: PYTHONPATH=%q %q -m datasets.vtab status --root %q\n' "$REPO" "$PYTHON" \
        "$VTAB"
fi
echo "$name: encoder in $folder, tables: ${tables[*]:-none yet}"
