#!/usr/bin/env bash
# The fourteen small-scale encoders that the authors released (AlexNet), as encoders/small_scale/<name>/encoder.pth.
# What is there already is left alone; run it again to go on where it stopped.
#
#   bash scripts/download_pretrained_models/download_all_alexnet_encoders.sh                      # all
#   bash scripts/download_pretrained_models/download_all_alexnet_encoders.sh stat-wmm             # some of them
#   bash scripts/download_pretrained_models/download_all_alexnet_encoders.sh --output theirs      # theirs/small_scale
#
# Options: python -m linear_eval.released_encoders --help
#
# Overrides from the environment:
#   NOISE_LEARNING_URL=http://data.csail.mit.edu/noiselearning    address of a server with the same files
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
use_python requirements.txt
run linear_eval.released_encoders --scale small "$@"
