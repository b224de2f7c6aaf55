#!/usr/bin/env bash
# Fractals of random affine maps: mixed, and as FractalDB-1k, a million of them with one folder a category.
#
#   bash scripts/generate_datasets/fractaldb.sh                            # both sets
#   bash scripts/generate_datasets/fractaldb.sh fractaldb                  # one of them
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   OPTIONS=         of the process (python -m generators fractaldb --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate fractaldb "$@"
