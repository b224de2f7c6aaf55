#!/usr/bin/env bash
# Dead leaves: opaque shapes of random size, place and colour or texture, one on another.
#
#   bash scripts/generate_datasets/dead_leaves.sh                          # all four sets
#   bash scripts/generate_datasets/dead_leaves.sh dead_leaves-mixed        # some of them
#   OPTIONS="--textures photos" bash scripts/generate_datasets/dead_leaves.sh dead_leaves-textures
#
# Overrides from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
#   OPTIONS=         of the process (python -m generators dead_leaves-textures --help)
# Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
generate dead_leaves- "$@"
