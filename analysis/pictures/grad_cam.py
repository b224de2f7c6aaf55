"""Grad-CAM: where a probed encoder sees the class of a labelled image.

    python -m analysis.pictures.grad_cam runs/mine/encoder.pth --data data/cifar10 --output cam.png
    python -m analysis.pictures.grad_cam torchvision:resnet18 --data data/cifar10 --images 6 --output cam.png

A linear probe (`linear_eval.probes.cached`) is fitted to frozen features of training images; maps are of validation
images and their own class. Selvaraju et al., ICCV 2017: channels of the last convolutional map, weighted by the mean
gradient of the class score, summed, negative values cut off.

Beside each map stands that of the same network with its weights shuffled, and the sheet says how alike the two are
(Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018). Maps that stay alike would show the image, not what
the network learned.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.feature_space import open_row
from analysis.pictures.sheet import NETWORKS, called, enlarged, normalised, open_network, write_sheet
from linear_eval.features.extract import extract
from linear_eval.probes.cached import LinearProbe, fit_probe
from linear_eval.task import balanced_order, load_task
from utils.cli import UserError, parser, positive_int, run, whole_number
from utils.devices import choose_device
from utils.seeding import generator, stable_key

COLUMNS = 3  # images in a row, each with its two maps


def last_map(model: nn.Module, x: Tensor) -> nn.Module:
    """The module whose output is the last, in the order of computation, that is an image, [N, C, h, w] with more than
    one position. Raises UserError if there is none."""
    found: list[nn.Module] = []

    def look(module: nn.Module, _: object, out: object) -> None:
        if isinstance(out, Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1:
            found.append(module)

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    if not found:
        raise UserError(f"a {type(model).__name__} has no convolutional map; choose another network")
    return found[-1]


def grad_cam(scores: Callable[[Tensor], Tensor], layer: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Maps float32 [N, h, w], at least 0, at the resolution of `layer`.

    scores: class scores [N, classes] of x, float32 [N, 3, S, S], normalised, by way of the module `layer`. labels:
    int64 [N], the class of each.
    """
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, _, out: kept.append(out))
    with torch.enable_grad():
        out = scores(x.detach().requires_grad_())
        hook.remove()
        gradient, = torch.autograd.grad(out.gather(1, labels[:, None]).sum(), kept[-1])
    return (gradient.mean((2, 3), keepdim=True) * kept[-1]).sum(1).relu().detach()


def shuffled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with the entries of each weight in random order. BatchNorm takes the statistics of the batch that it
    sees: the old ones are not those of these weights."""
    model = copy.deepcopy(model)
    for number, parameter in enumerate(model.parameters()):
        if parameter.ndim > 1:
            order = generator(stable_key("shuffled", seed), number).permutation(parameter.numel())
            parameter.data = parameter.data.flatten()[torch.from_numpy(order).to(parameter.device)].view_as(parameter)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = None
    return model


def agreement(a: Tensor, b: Tensor) -> float:
    """Mean over images of Spearman's correlation of two maps, [N, h, w]; a map of equal values agrees with none."""
    found = [stats.spearmanr(x, y).statistic if x.min() < x.max() and y.min() < y.max() else 0.0
             for x, y in zip(a.flatten(1).cpu().numpy(), b.flatten(1).cpu().numpy(), strict=True)]
    return float(np.mean(found))


def overlaid(image: np.ndarray, cam: Tensor) -> np.ndarray:
    """The map, stretched to 0..1 and enlarged, over half of the image: uint8 [T, T, 3]."""
    image = enlarged(image)
    cam = F.interpolate(cam[None, None], image.shape[:2], mode="bilinear")[0, 0].cpu().numpy()
    return np.rint(image / 2 + 127.5 * colormaps["inferno"](cam / max(cam.max(), 1e-12))[..., :3]).astype(np.uint8)


def class_scores(model: nn.Module, probe: LinearProbe) -> Callable[[Tensor], Tensor]:
    """What the probe says of the features where it was fitted, differentiable: [N, classes] of normalised images."""
    index = model.LAYERS.index(model.PROBED)
    return lambda x: F.linear(probe.standardise(model(x, index)), probe.weight, probe.bias)


def main() -> None:
    p = parser("python -m analysis.pictures.grad_cam", __doc__)
    p.add_argument("network", metavar="NETWORK", help=NETWORKS)
    p.add_argument("--data", type=Path, required=True, help="folder with train/<class>/ and val/<class>/")
    p.add_argument("--output", type=Path, required=True, help="the sheet, .png or .jpg")
    p.add_argument("--images", type=positive_int, default=12, help="validation images, of different classes first")
    p.add_argument("--train-limit", type=positive_int, default=2000, help="training images of the probe")
    p.add_argument("--cache", type=Path, default=Path("runs/features"), help="folder that keeps features")
    p.add_argument("--seed", type=whole_number, default=0, help="which images, and the order of shuffled weights")
    p.add_argument("--gpus", type=int, nargs="*", help="GPU to use; empty: the CPU (default: GPU 0 if any)")
    args = p.parse_args()
    if args.images < 2:
        raise UserError("--images must be at least 2: the shuffled network normalises over them")
    device, task = choose_device(args.gpus), load_task(args.data)
    row = open_row(args.network, device, None, "float32")
    rows = task.order(args.seed)[: args.train_limit]
    features = extract(row, task.train, device, rows, args.cache)
    probe = fit_probe(features, torch.from_numpy(task.train.labels[rows]).to(device), len(task.classes), args.seed)
    model = open_network(args.network).to(device)
    chosen = balanced_order(task.val.labels, args.seed)[: args.images]
    images = task.val.images(chosen, row.view)
    labels = torch.from_numpy(task.val.labels[chosen]).to(device)
    x = normalised(model, torch.from_numpy(images).to(device))
    maps = []
    for network in (model, shuffled(model, args.seed)):
        scores = class_scores(network, probe)
        maps.append(grad_cam(scores, last_map(network, x), x, labels))
    predicted = probe.predict(row.features(torch.from_numpy(images).to(device)))
    pictures = [picture for image, *both in zip(images, *maps, strict=True)
                for picture in (enlarged(image), *(overlaid(image, cam) for cam in both))]
    right = int((predicted == labels).sum())
    label = (f"{called(args.network)}, {task.name}, {right} of {len(chosen)} right; image, map, map of shuffled "
             f"weights, agreement {agreement(*maps):+.2f}")
    write_sheet([(label, pictures)], 3 * COLUMNS, args.output)
    print(f"{args.output}: {label}")


if __name__ == "__main__":
    run(main)
