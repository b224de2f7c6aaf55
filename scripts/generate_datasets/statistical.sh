#!/usr/bin/env bash
# Statistical image models: noise with the spectrum, the colours or the wavelet coefficients of photographs.
#
#   bash scripts/generate_datasets/statistical.sh                          # all four sets
#   bash scripts/generate_datasets/statistical.sh stat-spectrum stat-wmm   # some of them
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   OPTIONS=         of the process (python -m generators stat-wmm --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate stat- "$@"
