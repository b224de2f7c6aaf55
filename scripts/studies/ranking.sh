#!/usr/bin/env bash
# What moves the ranking of noise sets, and what teaches most in short runs? One thing changed at a time: steps, layer of
# the probe, width, pixels of the StyleGANs, options of the loss and the optimiser; by default for six sets that agree and
# disagree most with the paper. Encoders are an eighth wide, so that four times the steps stay cheap: VARIANTS=steps-2400
# on Tiny-ImageNet agrees best with the paper, and ranks new sets in minutes. For each change a table of all sets
# (table.md), and of the paper's beside the paper (ranking.md). All of it takes an hour or two on a CPU; resumes run by run.
#
#   bash scripts/studies/ranking.sh FOLDER              # photos, with train/<class>/ and val/<class>/
#   bash scripts/studies/ranking.sh FOLDER FOLDER       # or of several tasks
#
# Overrides from the environment:
#   OUT=runs/ranking      folder of images and runs        RESULTS=$OUT/results    result files and tables
#   SETS="a b"            noise sets
#   VARIANTS="steps-600 ..."      what is changed: OPTION-VALUE of the trainer, or several: optimizer-adamw+half_size-0
#   IMAGES=10000 LIMIT=10000      smaller for a trial, IMAGES at least 125; LIMIT: training images of the probes
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
OUT="${OUT:-runs/ranking}" IMAGES="${IMAGES:-10000}" LIMIT="${LIMIT:-10000}" RESULTS="${RESULTS:-${OUT:-runs/ranking}/results}"
SETS="${SETS:-stylegan-oriented stylegan-highfreq dead_leaves-textures dead_leaves-squares stat-spectrum_color_wmm stat-wmm}"
VARIANTS="${VARIANTS:-steps-600 steps-200 steps-2400 width-0.25 pixels-256}"
check_counts IMAGES LIMIT
number='[0-9]*\.?[0-9]+'
change="((steps|batch_size)-[1-9][0-9]*|width-0\.[0-9]*[1-9]|pixels-(128|256)|optimizer-(sgd|adamw|muon)|loss-nt-xent"
change+="|(half_size|lr|weight_decay|temperature|unif_t|align_alpha)-$number)"
for variant in $VARIANTS; do
    [[ "$variant" =~ ^$change(\+$change)*$ ]] ||
        fail "there is no variant $variant; they are like steps-2400 pixels-256 optimizer-adamw+half_size-0"
done
[[ $# -gt 0 ]] || fail "pass a folder of photos with train/<class>/ and val/<class>/"
check_tasks "$@"
use_python requirements.txt
# shellcheck disable=SC2086 # a list
check_datasets $SETS

for variant in $VARIANTS; do
    pixels=128 layers="fc6" options=()
    for part in ${variant//+/ }; do
        if [[ "$part" == pixels-* ]]; then pixels="${part#*-}"; else options+=("--${part%%-*}" "${part#*-}"); fi
    done
    [[ "$variant" != steps-600 ]] || layers="conv4 conv5 fc6 fc7"
    for name in $SETS; do
        [[ "$pixels" == 128 || "$name" == stylegan-* ]] || continue
        run generators "$name" --output "$OUT/images-$pixels/$name" --samples "$IMAGES" --resolution "$pixels"
        train_short train_align_uniform --data "$OUT/images-$pixels/$name" --output "$OUT/runs/$variant/$name/seed-0" \
            --half_size 0.9 --width 0.125 --steps 600 "${options[@]}"
    done
    [[ -d "$OUT/runs/$variant" ]] || continue # pixels-256 without a StyleGAN
    for task in "$@"; do
        for layer in $layers; do
            for protocol in cached knn; do
                run linear_eval.compare --data "$task" --encoders "$OUT/runs/$variant" --protocol "$protocol" \
                    --layer "$layer" --train-limit "$LIMIT" --random-inits 3 --features "$OUT/features" \
                    --output "$RESULTS/$variant-$layer/$(basename -- "$task")"
            done
        done
    done
done
[[ -d "$RESULTS" ]] || fail "nothing was trained: only StyleGANs have pixels-256"
for folder in "$RESULTS"/*/; do
    run linear_eval.report "$folder" --output "$folder"
    run linear_eval.ranking "$folder" --output "$folder"
done
