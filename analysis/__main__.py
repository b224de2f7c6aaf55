"""What sets of images are like beside a real one, before anything is trained on them.

    python -m analysis data/small_scale/stat-spectrum --against data/tiny_imagenet-100
    python -m analysis stat-spectrum dead_leaves-mixed --against data/cifar10 --images 500 --output runs/analysis
    python -m analysis my_images --against data/cifar10 --features random         # nothing to install or download
    python -m analysis my_images --against data/cifar10 --features torchvision:resnet50

A set is a folder of images or the name of a dataset (`python -m generators list`), whose first images are rendered.
All are brought to one size first, 64 pixels, which is what the small encoder sees. One result file and one sheet of
images a set go to --output, and a report with figures (report.md, report.html). The real set is measured too; a set
that *is* the real one is measured on other images of it, which shows what the numbers can reach. Results that are
there, of the same images and features, are kept.
"""

import sys
from pathlib import Path
from typing import Any

from analysis.feature_space import DEFAULT, FeatureSpace, open_row
from analysis.image_set import FEWEST, ImageSet, read_set
from analysis.measures.every import Measured, measure
from analysis.page import said
from analysis.pictures.sheet import write_sheet
from analysis.report import write_report
from utils.cli import UserError, parser, positive_int, run, whole_number
from utils.devices import add_precision, choose_device
from utils.files import read_json, write_json

SHOWN = 32  # images on a set's sheet


def options() -> Any:
    p = parser("python -m analysis", __doc__)
    p.add_argument("sets", nargs="+", metavar="SET", help="image folders, or names of datasets")
    p.add_argument("--against", required=True, metavar="REAL", help="folder of real images, or a name")
    p.add_argument("--output", type=Path, default=Path("runs/analysis"), help="folder for results and the report")
    p.add_argument("--images", type=positive_int, default=2000, help="of each set, at most")
    p.add_argument("--pixels", type=positive_int, default=64, help="height and width to which all are brought")
    p.add_argument("--features", default=DEFAULT, metavar="MODEL", help="encoder of the feature space: "
                   "efficientnet-lite0, random, torchvision:NAME, or an encoder's file")
    p.add_argument("--layer", help="of it (default: where probes take features)")
    add_precision(p)
    p.add_argument("--cache", type=Path, default=Path("runs/features"), help="folder that keeps features")
    p.add_argument("--seed", type=whole_number, default=0, help="which images of a folder")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    return p


def same_folder(a: str, b: str) -> bool:
    return a == b or (Path(a).is_dir() and Path(b).is_dir() and Path(a).samefile(b))


def read_all(args: Any) -> list[ImageSet]:
    """The real set, and then the others. Raises UserError for two of one name."""
    sets = [read_set(args.against, args.images, args.pixels, args.seed)]
    for source in args.sets:
        other = same_folder(source, args.against)
        sets.append(read_set(source, args.images, args.pixels, args.seed, args.images * other))
        if other:
            sets[-1].name += ", other images"
    names = [stem(one.name) for one in sets]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"two of the sets are called {min(twice)}; rename a folder, or pass one of them")
    return sets


def stem(name: str) -> str:
    """Of a set's files."""
    return name.replace(", ", "-").replace(" ", "-").replace("/", "-")


def check_output(folder: Path, identities: list[dict[str, Any]]) -> None:
    """Raises UserError, before anything is measured, if `folder` keeps a result that no report holds beside these."""
    new = {stem(one["name"]) for one in identities}
    for path in sorted(folder.glob("*.json")):
        record = read_json(path)
        if isinstance(record, dict) and record.get("kind") == "analysis" and path.stem not in new:
            same = all(record.get(key) == identities[0][key] for key in ("against_sha256", "features", "pixels"))
            if record.get("real") or not same:
                raise UserError(f"{path} is of another real set, feature space or size, so it cannot stand in one "
                                "report with these; pass another --output, or delete it")


def main() -> None:
    args = options().parse_args()
    if args.pixels < 32 or args.pixels % 4:
        raise UserError(f"--pixels must be a multiple of 4 and at least 32, not {args.pixels}")
    if args.images < FEWEST:
        raise UserError(f"--images must be at least {FEWEST}, not {args.images}: fewer say nothing")
    device = choose_device(args.gpus)
    space = FeatureSpace(open_row(args.features, device, args.layer, args.precision), device, args.cache)
    args.output.mkdir(parents=True, exist_ok=True)
    measured = [Measured(images, space) for images in read_all(args)]
    real = measured[0]
    identities = [{"name": one.images.name, "against": real.images.name, "images": len(one.images.images),
                   "pixels": args.pixels, "images_sha256": one.images.sha256,
                   "against_sha256": real.images.sha256, "features": space.facts} for one in measured]
    check_output(args.output, identities)
    for one, identity in zip(measured, identities, strict=True):
        path = args.output / f"{stem(one.images.name)}.json"
        before = read_json(path) if path.exists() else {}
        if isinstance(before, dict) and {**before, **identity} == before:
            continue
        found = measure(one, real)
        write_json(path, {"kind": "analysis", **identity, "seed": args.seed, "real": one is real, **found,
                          "command": said("analysis", sys.argv[1:])})
        write_sheet([(one.images.name, one.images.images[:SHOWN])], SHOWN // 4, path.with_suffix(".png"))
        print(f"{path}: {', '.join(f'{name} {_short(value)}' for name, value in found['measures'].items())}",
              flush=True)
    write_report(args.output)
    print(f"{args.output}/report.html, {args.output}/report.md")


def _short(found: dict[str, Any]) -> str:
    return "-" if found["value"] is None else f"{found['value']:.3g}"


if __name__ == "__main__":
    run(main)
