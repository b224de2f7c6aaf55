#!/usr/bin/env bash
# Run the linter and the tests, on up to four cores. Arguments go to pytest:
#
#   bash scripts/test.sh
#   bash scripts/test.sh -m slow          # the tests that take longer
#   bash scripts/test.sh tests/datasets -k views
#   bash scripts/test.sh -n 0             # in one process, for a debugger
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

help_if_asked "$@"
use_python requirements-dev.txt
run ruff check --no-cache "$REPO"
tests=("$REPO/tests")
for argument in "$@"; do
    [ ! -e "${argument%%::*}" ] || tests=()
done
cores="$(getconf _NPROCESSORS_ONLN)"
run pytest --rootdir "$REPO" -c "$REPO/pyproject.toml" -n "$((cores < 4 ? cores : 4))" --dist worksteal ${tests[@]+"${tests[@]}"} "$@"
