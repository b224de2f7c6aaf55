#!/usr/bin/env bash
# Mixtures of the other datasets.
#
#   ENCODER=encoder.pth bash scripts/generate_datasets/mixed.sh
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   ENCODER=         weights of a trained network, for the feature visualisations in them
#   OPTIONS=         of the process (python -m generators mixed-4 --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate mixed- "$@"
