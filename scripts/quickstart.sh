#!/usr/bin/env bash
# The whole line at desk scale: noise images -> encoder -> accuracy on real images -> a report. Nothing to download but
# the Python packages. Under 12 minutes on 2 CPU cores once .venv exists, under 3 with a GPU; run it again to resume.
#
#   bash scripts/quickstart.sh
#   bash scripts/quickstart.sh my_folder
#
# Overrides from the environment: SET=dead_leaves-mixed  IMAGES=10000  STEPS=600  SEED=0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

OUT="${1:-quickstart}"
SET="${SET:-dead_leaves-mixed}"
SEED="${SEED:-0}"
use_python requirements.txt

echo "== 1/5 noise images: $SET"
run generators "$SET" --output "$OUT/images" --samples "${IMAGES:-10000}" --resolution 128 --seed "$SEED"

echo "== 2/5 an encoder trained on nothing else"
run train_align_uniform --data "$OUT/images" --output "$OUT/runs/$SET/seed-$SEED" --seed "$SEED" --width 0.25 \
    --batch_size 125 --steps "${STEPS:-600}" --optimizer adamw --lr 0.001 --warmup_steps 20 --cosine

echo "== 3/5 real labelled images: animal silhouettes"
run datasets.animal_shapes --output "$OUT/animals"

echo "== 4/5 linear probes: the encoder, random initialisations, raw pixels"
run linear_eval.compare --data "$OUT/animals" --task animal_shapes --runs "$OUT/runs" --random-inits 5 \
    --train-limit "${LIMIT:-1000}" --output "$OUT/results"

echo "== 5/5 report"
run linear_eval.report "$OUT/results" --output "$OUT/report"
run generators.contact_sheet "$OUT/images" --output "$OUT/report/images.png"
run generators.contact_sheet "$OUT/animals" --output "$OUT/report/animals.png"
run train_align_uniform.curves "$OUT/runs/$SET/seed-$SEED" --output "$OUT/report/training.png"
cat >"$OUT/report/README.md.tmp" <<REPORT
# $SET: what an encoder learns from noise

Trained on images like these, and on nothing else:

![noise images](images.png)

![alignment and uniformity](training.png)

Then asked, frozen and through a linear probe, which animal this is:

![silhouettes](animals.png)

$(cat "$OUT/report/table.md")

![accuracy](accuracy.png)
REPORT
mv "$OUT/report/README.md.tmp" "$OUT/report/README.md"

cat <<NEXT

Report: $OUT/report/README.md
Next, for example:
  SET=stat-spectrum bash $REPO/scripts/quickstart.sh quickstart-spectrum
  bash $REPO/scripts/studies/cifar10.sh               # all sets, 3 seeds, on photos
  cd $REPO && .venv/bin/python -m generators list     # everything that can be generated
NEXT
