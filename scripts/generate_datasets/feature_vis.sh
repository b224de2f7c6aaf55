#!/usr/bin/env bash
# Feature visualisations: images that excite channels of an untrained network, or of one trained on dead leaves. On CPUs
# this takes weeks: see python -m train_align_uniform.needs feature_vis-random
#
#   bash scripts/generate_datasets/feature_vis.sh                          # both sets; without ENCODER, the first
#   ENCODER=encoder.pth bash scripts/generate_datasets/feature_vis.sh feature_vis-dead_leaves
#
#   ENCODER=         weights of a trained network, for feature_vis-dead_leaves
#   OPTIONS=         of the process (python -m generators feature_vis-random --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate feature_vis- "$@"
