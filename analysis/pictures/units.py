"""Feature visualisation: images, made from noise, that excite units of any layer.

    python -m analysis.pictures.units runs/mine/encoder.pth --layer conv5 --output units.png
    python -m analysis.pictures.units a/encoder.pth b/encoder.pth --layer conv3 --units 0 1 2 3 --output units.png
    python -m analysis.pictures.units torchvision:resnet50 --units 7 8 --output units.png

The ascent is that of the feature-visualisation datasets (`generators.feature_vis`): Fourier coefficients, decorrelated
colours, a random view each step. A picture is a function of unit, seed and network, whichever others are asked for.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from analysis.pictures.sheet import NETWORKS, called, check_units, layer_of, open_network, write_sheet
from generators.feature_vis.fourier_image import draw_spectrum, stretch, to_rgb
from generators.feature_vis.images import Channels, ascend
from generators.feature_vis.robust_transforms import draw_view
from models import Encoder
from utils.cli import parser, positive_int, run, whole_number
from utils.devices import choose_device, exact_float32
from utils.seeding import generator, stable_key


def visualised(model: Encoder, layer: str, units: Sequence[int], steps: int = 128, resolution: int = 128,
               seed: int = 0, device: str = "cpu") -> np.ndarray:
    """An image for each unit: uint8 [N, resolution, resolution, 3]. The model is changed (`Channels`). Raises UserError
    for a unit that is not there."""
    channels = Channels(model.eval(), layer, model.SIZE, device, torch.float32)
    check_units(units, channels.count, layer)
    key = stable_key("visualised", seed)
    images = []
    for unit in units:  # one by one: a batch would round otherwise
        rng = generator(stable_key(key, "views"), 0)
        weights = torch.nn.functional.one_hot(torch.tensor([unit]), channels.count).float().to(device)
        spectra = draw_spectrum(generator(key, unit), resolution)[None].to(device)
        images.append(stretch(to_rgb(ascend(channels, weights, spectra, [draw_view(rng) for _ in range(steps)]))))
    return torch.cat(images).cpu().numpy()


def main() -> None:
    p = parser("python -m analysis.pictures.units", __doc__)
    p.add_argument("networks", nargs="+", metavar="NETWORK", help=NETWORKS)
    p.add_argument("--output", type=Path, required=True, help="the sheet, .png or .jpg")
    p.add_argument("--layer", help="of the networks (default: where probes take features)")
    p.add_argument("--units", type=whole_number, nargs="+", default=list(range(8)), help="their numbers")
    p.add_argument("--steps", type=positive_int, default=128, help="of gradient ascent")
    p.add_argument("--resolution", type=positive_int, default=128, help="height and width in pixels")
    p.add_argument("--seed", type=whole_number, default=0, help="of the noise that the ascent begins with")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    device, blocks = str(choose_device(args.gpus)), []
    exact_float32()
    for name in args.networks:
        model = open_network(name)
        layer = layer_of(model, args.layer)
        blocks.append((f"{called(name)}: {layer} {' '.join(map(str, args.units))}",
                       visualised(model, layer, args.units, args.steps, args.resolution, args.seed, device)))
    write_sheet(blocks, len(args.units), args.output)
    print(f"{args.output}: {len(args.units)} units of {len(blocks)} networks")


if __name__ == "__main__":
    run(main)
