"""The images of a folder that excite units of a layer most, a row for each unit.

    python -m analysis.pictures.exciting runs/mine/encoder.pth --images data/cifar10 --layer conv5 --output exciting.png

A unit of a convolution counts as its mean over positions, as in feature visualisation.
"""

from pathlib import Path

import numpy as np

from analysis.feature_space import FeatureSpace, open_row
from analysis.image_set import read_set
from analysis.pictures.sheet import NETWORKS, called, check_units, write_sheet
from utils.cli import parser, positive_int, run, whole_number
from utils.devices import add_precision, choose_device


def most_exciting(features: np.ndarray, units: list[int], count: int) -> np.ndarray:
    """Rows of `features`, float [N, D], with the largest value of each unit, largest first: int64 [units, count]; of
    equals the first. Raises UserError for a unit that is not there."""
    check_units(units, features.shape[1], "the layer")
    return np.argsort(-features[:, units], axis=0, kind="stable")[:count].T


def main() -> None:
    p = parser("python -m analysis.pictures.exciting", __doc__)
    p.add_argument("network", metavar="NETWORK", help=NETWORKS)
    p.add_argument("--images", required=True, metavar="SET", help="folder of images, or a named dataset")
    p.add_argument("--output", type=Path, required=True, help="the sheet, .png or .jpg")
    p.add_argument("--layer", help="of the network (default: where probes take features)")
    p.add_argument("--units", type=whole_number, nargs="+", default=list(range(8)), help="their numbers")
    p.add_argument("--count", type=positive_int, default=2000, help="images looked at, at most")
    p.add_argument("--shown", type=positive_int, default=10, help="images shown of each unit")
    add_precision(p)
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    device = choose_device(args.gpus)
    row = open_row(args.network, device, args.layer, args.precision)
    images = read_set(args.images, args.count, row.view.size)
    features = FeatureSpace(row, device)(images.images, images.name)
    blocks = [(f"{called(args.network)}: {row.facts['layer']} {unit}", images.images[rows])
              for unit, rows in zip(args.units, most_exciting(features, args.units, args.shown), strict=True)]
    write_sheet(blocks, args.shown, args.output)
    print(f"{args.output}: {args.shown} of {len(images.images)} images for each of {len(args.units)} units")


if __name__ == "__main__":
    run(main)
