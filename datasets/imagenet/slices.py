"""Other parts of ImageNet for encoders of ImageNet-100, as links: corrupted, with changed labels, of other classes.

    python -m datasets.imagenet.slices corrupted IMAGENET-C data/imagenet100-c
    python -m datasets.imagenet.slices changed IMAGENET1K data/imagenet100-changed
    python -m datasets.imagenet.slices listed IMAGENET1K data/imagenet100b --classes imagenet100B.txt

`corrupted` is ImageNet-100-C: the hundred classes in each corruption and severity of ImageNet-C (Hendrycks and
Dietterich 2019), as <corruption>/<severity>/<synset>/. `changed` holds the validation images of five classes outside
the hundred, as val/<synset>/ of the class that each resembles (Ravula et al. 2021). `listed` takes a file with a synset
at the beginning of each line, such as that of ImageNet-100B, a second hundred classes, which is not in this repository.
The folder appears when it is whole; the same command again does nothing.
"""

import os
import re
import shutil
from pathlib import Path

from datasets.image_folders.record import RECORD, make_record
from datasets.imagenet.imagenet1k import find_images, layout, total
from datasets.imagenet.imagenet100 import check_apart, entries, make, read_classes
from utils.cli import UserError, parser, run
from utils.files import write_json

# A class outside the hundred, and the one of them whose label its images get.
CHANGED = {"n07930864": "n03062245",  # cup: cocktail shaker
           "n01978287": "n01978455",  # Dungeness crab: rock crab
           "n03792782": "n03785016",  # mountain bike: moped
           "n02325366": "n02326432",  # wood rabbit: hare
           "n02108915": "n02093428"}  # French bulldog: American Staffordshire terrier
SYNSET = re.compile(r"n\d{8}")


def corrupted(source: Path) -> dict[str, Path]:
    """Links of ImageNet-100-C: name -> class folder of ImageNet-C. Raises UserError if one is missing."""
    found: dict[str, Path] = {}
    # With or without groups such as noise/. Not "**", which would list every image, and follows no links.
    for severity in sorted(path for depth in ("", "*/", "*/*/") for path in source.glob(f"{depth}[1-5]")):
        for synset in read_classes():
            if not (severity / synset).is_dir():
                raise UserError(f"{severity} lacks class {synset}; unpack ImageNet-C again")
            found[f"{severity.parent.name}/{severity.name}/{synset}"] = severity / synset
    if not found:
        raise UserError(f"{source} holds no <corruption>/<severity>/<synset>/; pass the folder of ImageNet-C")
    return found


def changed(source: Path) -> dict[str, Path]:
    """Links to validation images: name -> image. Raises UserError if ImageNet lacks one of the classes."""
    images = find_images(source, layout(source), CHANGED)["val"]
    require(source, images)
    return {f"val/{CHANGED[synset]}/{path.name}": path for synset, paths in images.items() for path in paths}


def listed(source: Path, classes: Path) -> tuple[dict[str, Path], dict[str, int]]:
    """Links of the classes in a file: name -> class folder or image; and the counts of images by split."""
    synsets = SYNSET.findall(classes.read_text(errors="replace")) if classes.is_file() else []
    if len(synsets) < 2:
        raise UserError(f"{classes} lists no synsets, such as n01440764, one a line")
    images = find_images(source, layout(source), synsets)
    for split in images.values():
        require(source, split)
    links = {f"{split}/{name}": path for split, found in images.items() for name, path in entries(found, False).items()}
    return links, {split: total(found) for split, found in images.items()}


def require(source: Path, images: dict[str, list[Path]]) -> None:
    if lacking := [synset for synset, paths in images.items() if not paths]:
        raise UserError(f"{source} lacks images of {', '.join(lacking)}; pass the whole ImageNet-1k")


def main() -> None:
    p = parser("python -m datasets.imagenet.slices", __doc__)
    p.add_argument("which", choices=["corrupted", "changed", "listed"])
    p.add_argument("source", type=Path, help="folder of ImageNet-C or of ImageNet-1k")
    p.add_argument("output", type=Path, help="folder to write")
    p.add_argument("--classes", type=Path, help="for listed: a file with a synset a line")
    args = p.parse_args()
    if (args.which == "listed") != (args.classes is not None):
        raise UserError("--classes FILE goes with listed, and with that alone")
    source = Path(os.path.realpath(args.source))
    if not source.is_dir():
        raise UserError(f"{args.source} is not a folder")
    check_apart(args.output, [source])
    counts: dict[str, int] = {}
    if args.which == "listed":
        links, counts = listed(source, args.classes)
    else:
        links = {"corrupted": corrupted, "changed": changed}[args.which](source)
    if args.output.exists():
        there = {path.relative_to(args.output).as_posix(): path for path in args.output.rglob("*") if path.is_symlink()}
        if there.keys() != links.keys() or any(os.readlink(path) != str(links[name]) for name, path in there.items()):
            raise UserError(f"{args.output} holds something else; remove it, or choose another folder")
        print(f"{args.output} is there")
        return
    partial = args.output.with_name(f".{args.output.name}.partial")
    if partial.exists():  # of a run that was killed
        shutil.rmtree(partial)
    for name, path in links.items():
        make(partial / name, path, False)
    if counts:
        write_json(partial / RECORD, make_record(args.classes.stem, "ImageNet-1k", counts, files="links"))
    partial.rename(args.output)
    print(f"{args.output}: {len(links):,} links into {args.source}")


if __name__ == "__main__":
    run(main)
