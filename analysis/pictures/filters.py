"""The filters of a network's first layer.

    python -m analysis.pictures.filters runs/mine/encoder.pth --output filters.png
    python -m analysis.pictures.filters a/encoder.pth b/encoder.pth torchvision:resnet50 --output filters.png

Each filter is scaled by its largest weight, so that grey is 0; those with the largest norm come first.
"""

from pathlib import Path

import numpy as np
from torch import nn

from analysis.pictures.sheet import NETWORKS, called, open_network, write_sheet
from utils.cli import UserError, parser, positive_int, run


def filters(model: nn.Module) -> np.ndarray:
    """The first convolution's filters, uint8 [N, k, k, 3], by falling norm. Raises UserError if they do not take three
    channels."""
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.in_channels != 3:
        raise UserError(f"a {type(model).__name__} begins with no convolution over colours; choose another network")
    weight = first.weight.detach().float().permute(0, 2, 3, 1).numpy()
    weight = weight[np.argsort(-np.square(weight).sum((1, 2, 3)), kind="stable")]
    largest = np.abs(weight).max((1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * weight / np.where(largest > 0, largest, 1)).astype(np.uint8)


def main() -> None:
    p = parser("python -m analysis.pictures.filters", __doc__)
    p.add_argument("networks", nargs="+", metavar="NETWORK", help=NETWORKS)
    p.add_argument("--output", type=Path, required=True, help="the sheet, .png or .jpg")
    p.add_argument("--filters", type=positive_int, default=96, help="of each network, at most")
    p.add_argument("--columns", type=positive_int, default=24, help="filters in a row")
    args = p.parse_args()
    blocks = [(called(name), filters(open_network(name))[: args.filters]) for name in args.networks]
    write_sheet(blocks, args.columns, args.output, smooth=False)
    print(f"{args.output}: filters of {len(blocks)} networks")


if __name__ == "__main__":
    run(main)
