#!/usr/bin/env bash
# Feature visualisations: images that excite channels of an untrained network, or of one trained on dead leaves. On CPUs
# this takes weeks: see python -m train_align_uniform.needs feature_vis-random
#
#   bash scripts/generate_datasets/feature_vis.sh                          # both sets; without ENCODER, the first
#   ENCODER=encoder.pth bash scripts/generate_datasets/feature_vis.sh feature_vis-dead_leaves
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   ENCODER=         weights of a trained network, for feature_vis-dead_leaves
#   OPTIONS=         of the process (python -m generators feature_vis-random --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate feature_vis- "$@"
