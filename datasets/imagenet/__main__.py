"""ImageNet-100, made from a copy of ImageNet-1k (ILSVRC 2012) as links, or as copies.

    python -m datasets.imagenet IMAGENET1K data/imagenet100
    python -m datasets.imagenet IMAGENET1K data/imagenet100 --copy

Writes train/<synset>/ and val/<synset>/ of the 100 synsets in imagenet100.txt (Tian et al. 2019, "Contrastive Multiview
Coding"), and dataset.json last. IMAGENET1K holds train/<synset>/ and val/<synset>/, or a flat val/ with the labels of
the development kit or of Kaggle (`datasets.imagenet.imagenet1k` says which files). It is read and never changed.

Links name the full path of a class folder (of an image where val is flat), so they work from any folder and go on
working when IMAGENET100 is moved; they break when ImageNet is moved, which this command then says.
"""

from datasets.imagenet.imagenet100 import write_imagenet100
from utils.cli import parser, run


def main() -> None:
    p = parser("python -m datasets.imagenet", __doc__)
    p.add_argument("imagenet1k", help="folder of ImageNet-1k, with train/ and val/")
    p.add_argument("imagenet100", help="folder to write")
    p.add_argument("--copy", action="store_true", help="copy the images (14 GB) instead of making links")
    args = p.parse_args()
    record, worked = write_imagenet100(args.imagenet1k, args.imagenet100, args.copy)
    what = "the full set" if record["complete"] else "a part of the set"
    train, val = record["counts"]["train"], record["counts"]["val"]
    print(f"{args.imagenet100}: ImageNet-100, {train:,} train and {val:,} val images ({what}), as "
          f"{record['files']}{'' if worked else ': nothing to do'}")


if __name__ == "__main__":
    run(main)
