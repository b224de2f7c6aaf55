# shellcheck shell=bash
# Sourced by the scripts of this folder, which are the same but for the family of datasets.
#
#   generate PREFIX [NAME ...]      the named datasets that begin with PREFIX, or those of them that are named
#
# Overrides of each of them from the environment:
#   SCALE=small      105,000 images at the published resolution, or large: 1,300,000 at 256
#   SAMPLES=         another number of images            WORKERS=       processes (default: one a core, up to 8)
#   DATA=data/small_scale            folder of the image folders, <name> in it
# Run a script again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

generate() {
    local prefix="$1" scale="${SCALE:-small}" listed family name encoder named=yes
    shift
    [[ " $* " != *" --help "* ]] || {
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
        sed -n '/^# Overrides/,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
    }
    use_python requirements.txt
    listed="$(run generators list | awk -v prefix="$prefix" 'NR > 1 && index($1, prefix) == 1')"
    family="$(awk '{print $1}' <<<"$listed")"
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$family" || fail "$name is not one of ${family//$'\n'/, }"
    done
    # shellcheck disable=SC2086 # a list, and so below
    [ $# -gt 0 ] || { named=; set -- $family; }
    for name in "$@"; do
        encoder=
        if grep -q "^$name .* encoder= " <<<"$listed"; then  # it has no value in the list, so one must be passed
            encoder="${ENCODER:-}"
            [[ -n "$encoder" || -n "$named" ]] || {
                echo "$name: passed over, as it needs the weights of a trained network; set ENCODER to their file"
                continue
            }
        fi
        # shellcheck disable=SC2086
        run generators "$name" --scale "$scale" --output "${DATA:-data/${scale}_scale}/$name" ${OPTIONS:-} \
            ${SAMPLES:+--samples "$SAMPLES"} ${WORKERS:+--workers "$WORKERS"} ${encoder:+--encoder "$encoder"}
    done
}
