#!/usr/bin/env bash
# Mixtures of the other datasets.
#
#   ENCODER=encoder.pth bash scripts/generate_datasets/mixed.sh
#
#   ENCODER=         weights of a trained network, for the feature visualisations in them
#   OPTIONS=         of the process (python -m generators mixed-4 --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate mixed- "$@"
