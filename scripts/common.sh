# shellcheck shell=bash
# Sourced by the scripts. Finds the repository and a Python that has the requirements, making .venv if need be.
# Overrides: PYTHON=/path/to/python uses that environment as it is.
#
#   use_python requirements.txt     sets PYTHON
#   help_if_asked "$@"              prints the comment the script opens with, and ends, if --help is among its arguments
#   run MODULE [ARG ...]            runs one of our modules, from the caller's folder
#   check_counts VARIABLE ...       fails if one holds anything but a whole number of at least 1; it may be empty
#   check_limits                    the same for LIMITS, which may hold several
#   check_tasks FOLDER ...          fails unless each holds train/ and val/, and no two have one name
#   check_datasets NAME ...         fails unless each is a named dataset
#   train_short MODULE [ARG ...]    runs a trainer by the recipe of docs/study.md
set -euo pipefail

REPO="$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
trap 'exit 130' INT # also where Python ends too early to say that it was interrupted

fail() {
    echo "error: $*" >&2
    exit 1
}

help_if_asked() {
    [[ " $* " != *" --help "* ]] || {
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
        exit
    }
}

# The first Python >= 3.10 on the PATH.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python3.10 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python >= 3.10 found on the PATH; install one, or point PYTHON at an environment with requirements.txt"
}

use_python() {
    local requirements="$REPO/$1" venv="$REPO/.venv" base done_mark
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON is not a program; unset it to use $venv"
        return 0
    fi
    PYTHON="$venv/bin/python"
    done_mark="$venv/installed-$1"
    # The mark is a copy of what was installed, written last: a changed file, or a cut-off install, installs again.
    cat "$REPO"/requirements*.txt | cmp -s - "$done_mark" && return 0
    base="$(find_python)"
    if [ ! -x "$PYTHON" ]; then
        "$base" -c 'import venv, ensurepip' 2>/dev/null ||
            fail "$base cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv"
        echo "making $venv (a few minutes, 6 GB: PyTorch brings its GPU libraries)"
        "$base" -m venv "$venv"
    fi
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
        fail "pip could not install $requirements; see above, then run this again"
    cat "$REPO"/requirements*.txt >"$done_mark"
}

# Like `python -m MODULE`, but with the repository on the path instead of the caller's folder, whose own utils/ or
# datasets/ must not be picked up.
run() {
    "$PYTHON" -c 'import runpy, sys
sys.path[0] = sys.argv[1]
del sys.argv[:2]
sys.argv.insert(0, "")
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except KeyboardInterrupt:  # while it imports
    sys.exit("interrupted")' "$REPO" "$@"
}

train_short() {
    run "$1" --batch_size 125 --optimizer muon --lr 0.001 --warmup_steps 20 --cosine "${@:2}"
}

check_counts() {
    local name
    for name in "$@"; do
        [[ "${!name:-}" =~ ^([1-9][0-9]*)?$ ]] || fail "$name=${!name} is not a count; pass 1 or more"
    done
}

check_limits() {
    [[ "${LIMITS:-}" =~ ^([1-9][0-9]*(\ +[1-9][0-9]*)*)?$ ]] ||
        fail "LIMITS=$LIMITS is not a list of counts, such as 1000 10000"
}

check_tasks() {
    local task
    for task in "$@"; do
        [[ -d "$task/train" && -d "$task/val" ]] || fail "$task needs train/<class>/ and val/<class>/"
    done
    task="$(basename -a -- "${@:-none}" | sort | uniq -d | head -1)"
    [[ -z "$task" ]] || fail "two folders are called $task, so their results would mix; rename one"
}

check_datasets() {
    local name names
    names="$(run generators list | awk 'NR > 1 {print $1}')"
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$names" || fail "$name is not a dataset; the names are ${names//$'\n'/, }"
    done
}
