#!/usr/bin/env bash
# Run the linter and the tests. Arguments go to pytest:
#
#   bash scripts/test.sh
#   bash scripts/test.sh -m slow          # the tests that take longer
#   bash scripts/test.sh tests/datasets -k views
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
use_python requirements-dev.txt
run ruff check --no-cache "$REPO"
tests=("$REPO/tests")
for argument in "$@"; do
    [ ! -e "${argument%%::*}" ] || tests=()
done
run pytest --rootdir "$REPO" -c "$REPO/pyproject.toml" ${tests[@]+"${tests[@]}"} "$@"
