#!/usr/bin/env bash
# Scenes whose latents are known, and lie beside the images in latents.npy.
#
#   bash scripts/generate_datasets/latent_scene.sh
#
#   OPTIONS=         of the process (python -m generators latent_scene --help)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
generate latent_scene "$@"
