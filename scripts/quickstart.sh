#!/usr/bin/env bash
# The whole line at desk scale: noise images -> encoder -> accuracy on real images -> a report and a picture of it.
# Nothing to download but the Python packages. About 5 minutes on 2 CPU cores once .venv exists; says at the start how
# long here. Run it again to resume.
#
#   bash scripts/quickstart.sh
#   bash scripts/quickstart.sh my_folder
#
# Overrides from the environment:
#   SET=own-mixed    IMAGES=10000    STEPS=600    SEED=0    LIMIT=100 (silhouettes the probes are fitted to)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
[[ $# -le 1 && "${1:-}" != -* ]] || fail "not understood: $*; pass one folder for everything, or nothing for quickstart"
OUT="${1:-quickstart}"
SET="${SET:-own-mixed}" IMAGES="${IMAGES:-10000}" STEPS="${STEPS:-600}" SEED="${SEED:-0}" LIMIT="${LIMIT:-100}"
check_counts IMAGES STEPS LIMIT
[[ "$SEED" =~ ^[0-9]+$ ]] || fail "SEED=$SEED is not a whole number"
use_python requirements.txt
check_datasets "$SET"
run training.pace 5

echo "== 1/5 noise images: $SET"
run generators "$SET" --output "$OUT/images" --samples "$IMAGES" --resolution 128 --seed "$SEED"

echo "== 2/5 an encoder trained on nothing else"
train_short train_align_uniform --data "$OUT/images" --output "$OUT/runs/$SET/seed-$SEED" --seed "$SEED" \
    --half_size 0.9 --width 0.25 --steps "$STEPS"

echo "== 3/5 real labelled images: animal silhouettes"
run datasets.animal_shapes --output "$OUT/animals"

echo "== 4/5 linear probes: the encoder, random initialisations, raw pixels"
run linear_eval.compare --data "$OUT/animals" --task animal_shapes --encoders "$OUT/runs" --random-inits 5 \
    --train-limit "$LIMIT" --output "$OUT/results"

echo "== 5/5 report"
run linear_eval.report "$OUT/results" --output "$OUT/report"
run generators.contact_sheet "$OUT/images" --columns 8 --output "$OUT/report/images.png"
run generators.contact_sheet "$OUT/animals" --columns 8 --output "$OUT/report/animals.png"
run training.curves "$OUT/runs/$SET/seed-$SEED" --output "$OUT/report/training.png"
run analysis.pictures.summary "$OUT/runs/$SET/seed-$SEED/encoder.pth" --images "$OUT/images" --photos "$OUT/animals" \
    --chart "$OUT/report/accuracy.png" --output "$OUT/report/summary.png"
cat >"$OUT/report/README.md.tmp" <<REPORT
# $SET: what an encoder learns from noise

![what it learned from, its filters, what it was asked, how often it was right](summary.png)

Trained on $IMAGES such images and on nothing else, then frozen. A linear probe was shown $LIMIT labelled silhouettes of ten
animals, and asked about the others:

$(cat "$OUT/report/table.md")

![alignment and uniformity](training.png)

More [noise images](images.png), more [silhouettes](animals.png).
REPORT
mv "$OUT/report/README.md.tmp" "$OUT/report/README.md"

repo="$(printf %q "$REPO")"
cat <<NEXT

Report: $OUT/report/README.md, with a picture of it all: $OUT/report/summary.png
Next, for example:
  SET=stat-spectrum bash $repo/scripts/quickstart.sh quickstart-spectrum
  bash $repo/scripts/studies/photos.sh      # all sets, on photos
  PYTHONPATH=$repo $(printf %q "$PYTHON") -m generators list     # everything that can be generated
NEXT
