#!/usr/bin/env bash
# Both tables of "Contrastive Learning Inverts the Data Generating Process" at a scale that fits two cores: four
# dimensions, 256 pairs a step, 2,000 steps, three seeds, the laws and scales of the paper; then five dimensions as a
# check, rendered scenes, and ten dimensions. Prints the paper's numbers beside ours and draws the curves. A run takes
# half a minute to half an hour; all of them take hours. Resumes run by run; result files that are there are not made
# again.
#
#   bash scripts/studies/latent_recovery.sh                # all of it
#   bash scripts/studies/latent_recovery.sh n4 n5          # some parts: n4 n5 scene n10
#
# Overrides from the environment:
#   SEEDS="0 1 2"                       of the parts n4 and n5; the longer ones take the first
#   RUNS=runs/ica                       run folders      RESULTS=$RUNS/results      result files and tables
#   STEPS=                              of every row, in place of the part's own
#   OMP_NUM_THREADS=                    threads          GPU=0                                (default: the CPU)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[ $# -gt 0 ] || set -- n4 n5 scene n10
SEEDS="${SEEDS:-0 1 2}" RUNS="${RUNS:-runs/ica}" GPU="${GPU:-}"
RESULTS="${RESULTS:-$RUNS/results}"
[[ "$SEEDS" =~ ^[0-9]+(\ +[0-9]+)*$ ]] || fail "SEEDS=$SEEDS is not a list of whole numbers, such as 0 1 2"
check_counts STEPS
for part in "$@"; do
    [[ "$part" =~ ^(n4|n5|scene|n10)$ ]] || fail "there is no part $part; they are n4 n5 scene n10"
done
use_python requirements.txt

# PART SEEDS ROWS OPTION ...
study() {
    local name="$1" seeds="$2" rows="$3"
    shift 3
    # shellcheck disable=SC2086 # lists
    run train_ica.study --name "$name" --seeds $seeds --rows $rows --runs "$RUNS" --output "$RESULTS" \
        --options --gpus $GPU "$@" ${STEPS:+--steps "$STEPS"}
}

linear="sphere-vmf1:identity sphere-vmf1:supervised sphere-vmf1 sphere-vmf10 sphere-vmf10-matched sphere-laplace
    sphere-normal unbounded-normal"
permutation="box-laplace:identity box-laplace:supervised box-laplace box-gennorm3 box-normal box-laplace-unbounded
    box-gennorm3-unbounded box-normal-unbounded box-laplace-unbounded-normal box-normal-unbounded-gennorm3"
after="sphere-cap sphere-anisotropic sphere-anisotropic-learned"
for part in "$@"; do
    case "$part" in
    n4) study n4 "$SEEDS" "$linear $permutation $after" --n 4 --batch_size 256 --steps 2000 --lr 2e-3 ;;
    n5) study n5 "$SEEDS" "box-laplace sphere-vmf10 box-gennorm3 box-normal-unbounded" ;;
    scene) study scene "${SEEDS%% *}" "scene-laplace scene-normal-unbounded scene-augmentation" ;;
    n10)
        study n10 "0 1 2 3 4" "sphere-vmf1:identity box-laplace:identity" --n 10
        study n10 "${SEEDS%% *}" "sphere-vmf10-matched box-laplace" \
            --n 10 --batch_size 1024 --steps 2000 --optimizer muon-linear
        ;;
    esac
done
run train_ica.tables "$RESULTS"
