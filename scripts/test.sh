#!/usr/bin/env bash
# Run the tests (and the linter). Arguments go to pytest:
#
#   bash scripts/test.sh
#   bash scripts/test.sh -m slow          # the rest
#   bash scripts/test.sh tests/datasets
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

use_python requirements-dev.txt
run ruff check "$REPO"
# Paths are meant relative to the repository, as pytest shows them.
cd "$REPO"
run pytest "$@"
