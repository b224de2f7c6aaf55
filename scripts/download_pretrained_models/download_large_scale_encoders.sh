#!/usr/bin/env bash
# The five large-scale encoders that the authors released (ResNet-50, MoCo v2), as encoders/large_scale/<name>/
# checkpoint_<epoch>.pth.tar. What is there already is left alone; run it again to go on where it stopped.
#
#   bash scripts/download_pretrained_models/download_large_scale_encoders.sh                    # all
#   bash scripts/download_pretrained_models/download_large_scale_encoders.sh mixed-4            # some of them
#   bash scripts/download_pretrained_models/download_large_scale_encoders.sh --output theirs    # theirs/large_scale
#
# Options: python -m linear_eval.released_encoders --help
#
# Overrides from the environment:
#   NOISE_LEARNING_URL=http://data.csail.mit.edu/noiselearning    address of a server with the same files
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
use_python requirements.txt
run linear_eval.released_encoders --scale large "$@"
