#!/usr/bin/env bash
# Untrained StyleGAN2: at its usual initialisation, and with weights that are oriented, sparse or high-pass filters.
#
#   bash scripts/generate_datasets/stylegan.sh                             # all four sets
#   bash scripts/generate_datasets/stylegan.sh stylegan-oriented           # some of them
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   OPTIONS=         of the process (python -m generators stylegan-oriented --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate stylegan- "$@"
