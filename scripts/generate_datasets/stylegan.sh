#!/usr/bin/env bash
# Untrained StyleGAN2: at its usual initialisation, and with weights that are oriented, sparse or high-pass filters.
#
#   bash scripts/generate_datasets/stylegan.sh                             # all four sets
#   bash scripts/generate_datasets/stylegan.sh stylegan-oriented           # some of them
#
#   OPTIONS=         of the process (python -m generators stylegan-oriented --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate stylegan- "$@"
