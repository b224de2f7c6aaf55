#!/usr/bin/env bash
# Fractals of random affine maps: mixed, and as FractalDB-1k, a million of them with one folder a category.
#
#   bash scripts/generate_datasets/fractaldb.sh                            # both sets
#   bash scripts/generate_datasets/fractaldb.sh fractaldb                  # one of them
#
#   OPTIONS=         of the process (python -m generators fractaldb --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate fractaldb "$@"
