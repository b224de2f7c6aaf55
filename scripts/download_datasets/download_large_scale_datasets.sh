#!/usr/bin/env bash
# The four large-scale datasets that the authors released, 1,300,000 images each, in data/large_scale/<name>. What is
# there already is left alone; run it again to go on where it stopped.
#
#   bash scripts/download_datasets/download_large_scale_datasets.sh                       # all
#   bash scripts/download_datasets/download_large_scale_datasets.sh stylegan-oriented     # some of them
#   bash scripts/download_datasets/download_large_scale_datasets.sh --output /big/disk    # /big/disk/large_scale/<name>
#
# While an archive is unpacked, it and its images take room together. Names and options: python -m datasets.released_images -h
#
# Overrides from the environment:
#   NOISE_LEARNING_URL=http://data.csail.mit.edu/noiselearning    address of a server with the same files
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
use_python requirements.txt
run datasets.released_images --scale large "$@"
