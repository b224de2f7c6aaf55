#!/usr/bin/env bash
# Every named dataset (python -m generators list), one after another. The names of any can be passed.
#
#   bash scripts/generate_datasets/all.sh
#   bash scripts/generate_datasets/all.sh dead_leaves-mixed stylegan-oriented
#   SAMPLES=1000 bash scripts/generate_datasets/all.sh                     # a look at each
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   ENCODER=         weights of a trained network; without it, datasets that need one are passed over
#   OPTIONS=         of all their processes, such as "--seed 1"
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate "" "$@"
