#!/usr/bin/env bash
# Every named dataset (python -m generators list), one after another. The names of any can be passed.
#
#   bash scripts/generate_datasets/all.sh
#   bash scripts/generate_datasets/all.sh dead_leaves-mixed stylegan-oriented
#   SAMPLES=1000 bash scripts/generate_datasets/all.sh                     # a look at each
#
#   ENCODER=         weights of a trained network; without it, datasets that need one are passed over
#   OPTIONS=         of all their processes, such as "--seed 1"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate "" "$@"
