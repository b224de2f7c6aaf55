#!/usr/bin/env bash
# Statistical image models: noise with the spectrum, the colours or the wavelet coefficients of photographs.
#
#   bash scripts/generate_datasets/statistical.sh                          # all four sets
#   bash scripts/generate_datasets/statistical.sh stat-spectrum stat-wmm   # some of them
#
#   OPTIONS=         of the process (python -m generators stat-wmm --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate stat- "$@"
