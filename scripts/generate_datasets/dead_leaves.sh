#!/usr/bin/env bash
# Dead leaves: opaque shapes of random size, place and colour or texture, one on another.
#
#   bash scripts/generate_datasets/dead_leaves.sh                          # all four sets
#   bash scripts/generate_datasets/dead_leaves.sh dead_leaves-mixed        # some of them
#   OPTIONS="--textures photos" bash scripts/generate_datasets/dead_leaves.sh dead_leaves-textures
#
#   OPTIONS=         of the process (python -m generators dead_leaves-textures --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate dead_leaves- "$@"
