#!/usr/bin/env bash
# ImageNet-100: the 100 published classes of an ImageNet-1k that you have, as links (no disk space) or copies (14 GB).
#
#   bash scripts/datasets/generate_imagenet100.sh IMAGENET1K IMAGENET100
#   bash scripts/datasets/generate_imagenet100.sh IMAGENET1K IMAGENET100 --copy
#   bash scripts/datasets/generate_imagenet100.sh IMAGENET1K IMAGENET100B --classes FILE   # other classes, such as
#                                                         # those of ImageNet-100B: a file with a synset a line
#
# IMAGENET1K holds train/<synset>/ and val/<synset>/, or a flat val/ with the labels of the development kit or of Kaggle
# (`python -m datasets.imagenet --help` says which files); it is never changed. Run it again to go on where it was.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

help_if_asked "$@"
[ $# -ge 2 ] || fail "pass the folder of ImageNet-1k and the folder to write, and --copy for copies in place of links"
use_python requirements.txt
if [[ " $* " == *" --classes "* ]]; then
    run datasets.imagenet.slices listed "$@"
else
    run datasets.imagenet "$@"
fi
