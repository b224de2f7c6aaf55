"""Pictures of what the viewmaker of a run does.

    python -m train_viewmaker.gallery runs/learned --data data/cifar10
    python -m train_viewmaker.gallery runs/leaves --data dead_leaves-mixed --images 6 --noises 5 --output leaves
    python -m train_viewmaker.gallery runs/sound --data data/fsdd

Writes to the folder --output (default: the run's) gallery.png: a row an image, with the image, its views for some draws
of noise, and below each view its perturbation, amplified so that the largest of the row is white or black; and
spectrum.png: how the power of perturbations and of images falls with spatial frequency, averaged over directions,
channels and 256 images, with the numbers in spectrum.json. Of sound and sensors the first channel of the spectrograms
is shown, low frequencies below, black to white over the range of those shown, which is also the unit of δ.
"""

import argparse
import dataclasses
from pathlib import Path

import matplotlib
import numpy as np
import torch
from torch import Tensor

from models.checkpoint import check_numbers, load_torch
from models.viewmaker import Viewmaker
from train_viewmaker.examples import TrainingExamples, find_inputs
from train_viewmaker.inputs import Batch, ImageInputs
from train_viewmaker.learner import make_encoder
from train_viewmaker.options import Options
from training.images.sources import add_source_options
from utils.cli import UserError, parser, positive_int, run
from utils.figures import save_figure
from utils.files import read_record, write_json
from utils.seeding import stable_key, uniforms

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

MEASURED = 256  # images of a spectrum


def options_of(folder: Path) -> Options:
    """The options of a run. Raises UserError if there is no run of ours, or it learns no views."""
    record = folder / "config.json"
    if not record.is_file():
        raise UserError(f"{folder} holds no config.json, so it is no run folder; pass one of train_viewmaker")
    config = read_record(record)
    config.pop("data", None)
    if not {"views", "budget"} <= config.keys() <= {field.name for field in dataclasses.fields(Options)}:
        raise UserError(f"{folder} is no run of train_viewmaker; pass one of its run folders")
    options = Options(**{name: tuple(value) if isinstance(value, list) else value for name, value in config.items()})
    if not options.learns_views:
        raise UserError(f"{folder} is a run with --views {options.views}, which has no viewmaker")
    return options


def viewmaker_of(folder: Path, options: Options, channels: int) -> Viewmaker:
    """The viewmaker in a run's last checkpoint. Raises UserError if there is none yet, or if it is of inputs with
    another number of channels."""
    state = load_torch(folder / "last.pth")
    viewmaker = options.viewmaker(channels)
    if not isinstance(state, dict) or not isinstance(state.get("viewmaker"), dict):
        raise UserError(f"{folder}/last.pth holds no viewmaker; it is of another trainer")
    check_numbers(viewmaker, state["viewmaker"], folder / "last.pth")
    try:
        viewmaker.load_state_dict(state["viewmaker"])
    except RuntimeError:
        raise UserError(f"{folder} was not trained on inputs of {channels} channels; pass its own --data") from None
    return viewmaker


@torch.no_grad()
def perturb(viewmaker: Viewmaker, x: Tensor, noise: int) -> Tensor:
    """The perturbations of the images x under draw number `noise`."""
    size = viewmaker.noise_size(*x.shape[2:])
    return viewmaker(x, torch.from_numpy(uniforms(stable_key("gallery", noise), np.arange(len(x)), size)).float())


def radial_spectrum(x: Tensor) -> np.ndarray:
    """Mean power at 1, 2, ... side / 2 - 1 cycles an image, of float [N, C, S, S] less its mean: float64.

    The power at k is the mean of |DFT|² / S² over frequencies whose distance from 0 rounds to k.
    """
    side = x.shape[-1]
    centred = x.double() - x.double().mean((2, 3), keepdim=True)
    power = torch.fft.fft2(centred, norm="ortho").abs().square().mean((0, 1)).numpy()
    frequency = np.fft.fftfreq(side, 1 / side)
    ring = np.rint(np.hypot(frequency[:, None], frequency)).astype(int)
    return np.array([power[ring == k].mean() for k in range(1, side // 2)])


def panel(axis: plt.Axes, image: Tensor) -> None:
    axis.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())


def draw_gallery(x: Tensor, deltas: list[Tensor], path: Path) -> None:
    """x: [N, 3, S, S] in [0, 1]; a [N, 3, S, S] for each noise."""
    rows, columns = 2 * len(x), len(deltas) + 1
    figure, axes = plt.subplots(rows, columns, figsize=(1.3 * columns, 1.3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for i, image in enumerate(x):
        gain = 0.5 / max(delta[i].abs().max().item() for delta in deltas)
        panel(axes[2 * i, 0], image)
        axes[2 * i + 1, 0].text(0.5, 0.5, f"δ × {gain:.1f}", ha="center", va="center", fontsize=8)
        for k, delta in enumerate(deltas, 1):
            panel(axes[2 * i, k], image + delta[i])
            panel(axes[2 * i + 1, k], 0.5 + gain * delta[i])
    axes[0, 0].set_title("image", fontsize=8)
    for k in range(1, columns):
        axes[0, k].set_title(f"noise {k}", fontsize=8)
    figure.tight_layout(pad=0.2)
    save_figure(figure, path)
    plt.close(figure)


def draw_spectrum(images: np.ndarray, deltas: np.ndarray, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(4.5, 3.4))
    cycles = np.arange(1, len(images) + 1)
    axis.loglog(cycles, images, label="images")
    axis.loglog(cycles, deltas, label="perturbations")
    axis.set(xlabel="cycles an image", ylabel="mean power")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    save_figure(figure, path)
    plt.close(figure)


def as_pictures(x: Tensor, deltas: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The first channel of spectrograms [N, C, S, S] as grey pictures [N, 3, S, S] in [0, 1], and of their
    perturbations in the same unit."""
    low, high = x[:, :1].aminmax()
    first, *changes = (each[:, :1].flip(2).expand(-1, 3, -1, -1) / (high - low) for each in (x - low, *deltas))
    return first, changes


def first_inputs(args: argparse.Namespace, options: Options, count: int) -> tuple[Tensor, bool]:
    """Some inputs of --data as the run sees them, and whether they are images: [N, 3, S, S] in [0, 1]."""
    cpu = torch.device("cpu")
    images = find_inputs(args, cpu)[1]()
    if isinstance(images, TrainingExamples):
        return torch.from_numpy(images.examples.array[images.rows[:count]]), False
    encoder = make_encoder(options, 3)
    inputs = ImageInputs(images, options, encoder, options.size or encoder.SIZE, cpu)
    parts, number = [], 0
    try:
        while sum(map(len, parts)) < count and number < inputs.images.total_steps:
            parts.append(inputs.plain(Batch(0, np.empty(0, np.int64), inputs.images.pixels(number))))
            number += 1
    finally:
        inputs.close()
    return torch.cat(parts)[:count], True


def main() -> None:
    p = parser("python -m train_viewmaker.gallery", __doc__)
    p.add_argument("run", type=Path, help="run folder")
    p.add_argument("--output", type=Path, help="folder of the pictures (default: the run folder)")
    p.add_argument("--images", type=positive_int, default=6, help="rows")
    p.add_argument("--noises", type=positive_int, default=5, help="columns")
    add_source_options(p)
    args = p.parse_args()
    output = args.output or args.run
    options = options_of(args.run)
    args.seed = options.seed  # with which a mixture is drawn
    x, images = first_inputs(args, options, max(MEASURED, args.images))
    viewmaker = viewmaker_of(args.run, options, x.shape[1])
    output.mkdir(parents=True, exist_ok=True)
    shown = x[: args.images]
    deltas = [perturb(viewmaker, shown, k) for k in range(args.noises)]
    draw_gallery(*(shown, deltas) if images else as_pictures(shown, deltas), output / "gallery.png")
    spectra = {"images": radial_spectrum(x), "perturbations": radial_spectrum(perturb(viewmaker, x, 0))}
    draw_spectrum(*spectra.values(), output / "spectrum.png")
    write_json(output / "spectrum.json", {"count": len(x), "side": x.shape[-1],
                                          **{name: values.tolist() for name, values in spectra.items()}})
    print(f"{output}: wrote gallery.png, spectrum.png, spectrum.json")


if __name__ == "__main__":
    run(main)
