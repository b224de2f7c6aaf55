#!/usr/bin/env bash
# Processes of our own: random programs, textures, leaves with textures, and composites of these.
#
#   bash scripts/generate_datasets/own.sh
#   bash scripts/generate_datasets/own.sh own-scenes
#
#   OPTIONS=         of all their processes, such as "--seed 1"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate own- "$@"
