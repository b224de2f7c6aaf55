"""Encoders on disk: a bare state dict with the published names, read without running anything it contains."""

import math
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Module

from models.small_alexnet import SmallAlexNet
from utils.cli import UserError
from utils.files import atomic_open


def random_encoder(seed: int, width: float = 1.0) -> SmallAlexNet:
    """An untrained encoder, ready for evaluation: the weights training with this `seed` starts from."""
    return SmallAlexNet(width).initialize(seed).eval()


def save_encoder(model: SmallAlexNet, path: Path | str) -> None:
    """Write `model`'s state dict (on the CPU, contiguous) to `path`, whole or not at all."""
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    save_torch(state, path)


def save_torch(value: object, path: Path | str) -> None:
    """torch.save to `path`, whole or not at all. A full disk raises OSError, as it does for every other file."""
    with atomic_open(path) as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:  # torch's writer hides the OSError that it met
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_torch(path: Path | str) -> object:
    """torch.load with `weights_only=True`, on the CPU: tensors and plain containers, never code.

    Raises UserError if the file is missing, empty, cut short, holds other objects, or is not what was written (its
    checksums, which torch does not look at).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file; the encoder of a run is encoder.pth in its folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other versions; the error says enough
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        if zipfile.is_zipfile(path):  # those of old versions are none
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
        else:
            damaged = None
    except pickle.UnpicklingError:
        raise UserError(f"{path} is not a plain state dict: it is damaged, or holds objects other than tensors, which "
                        "are never loaded because loading them runs code; save model.state_dict() instead") from None
    except Exception as error:  # damaged bytes can raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise UserError(f"{path} is not a complete checkpoint ({reason})") from None
    if damaged:
        raise UserError(f"{path} is damaged, in {damaged}: it is not what was written")
    return loaded


def _width(state: dict[str, Tensor]) -> float:
    """The width whose rounded channel counts are those of `state` (some number if there is none)."""
    low, high = 0.0, math.inf
    for name, published in zip(("0.0", "1.0", "2.0", "3.0", "4.0", "5.1"), SmallAlexNet.CHANNELS, strict=True):
        weight = state.get(f"blocks.{name}.weight")
        if weight is not None and weight.ndim > 0:
            low = max(low, (len(weight) - 0.5) / published)
            high = min(high, (len(weight) + 0.5) / published)
    return (low + high) / 2


def load_encoder(path: Path | str) -> SmallAlexNet:
    """The encoder in `path`, in evaluation mode on the CPU; its width is read off the weights.

    Prefixes left by DataParallel (`module.`) and torch.compile (`_orig_mod.`) are removed; every name and shape must
    then match. Raises UserError otherwise, naming what differs.
    """
    return small_alexnet(load_torch(path), path)


def small_alexnet(state: object, path: Path | str) -> SmallAlexNet:
    """`load_encoder`, from what `path` holds."""
    if not isinstance(state, dict) or not all(isinstance(name, str) and isinstance(value, Tensor)
                                              for name, value in state.items()):
        raise UserError(f"{path} is not a state dict of tensors; an encoder file is what `save_encoder` writes")
    clean = {re.sub(r"^((module|_orig_mod)\.)+", "", name): value for name, value in state.items()}
    first, last = clean.get("blocks.0.0.weight"), clean.get("blocks.7.0.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        raise UserError(f"{path} is a checkpoint of another architecture, not a SmallAlexNet "
                        f"(its first entry is {next(iter(clean), 'missing')!r})")
    model = SmallAlexNet(_width(clean), out_dim=last.shape[0])
    expected = model.state_dict()
    wrong = sorted(expected.keys() ^ clean.keys())
    wrong += [name for name in expected if name in clean and expected[name].shape != clean[name].shape]
    if wrong:
        raise UserError(f"{path} does not fit a SmallAlexNet of width {_width(clean):g}: missing, unexpected or of "
                        f"another shape: {', '.join(wrong[:5])}{' ...' if len(wrong) > 5 else ''}")
    check_numbers(model, clean, path)
    model.load_state_dict(clean)
    check_finite(model, path)
    return model.eval()


def check_numbers(model: Module, weights: dict[str, Tensor], path: Path | str) -> None:
    """Raises UserError for an entry of `weights`, read from `path`, that lacks its numbers (a tensor on torch's device
    "meta"), is not dense, or is of a dtype that is no float where `model` has floats."""
    expected = model.state_dict()
    for name in expected.keys() & weights.keys():
        value = weights[name]
        if value.is_meta or value.layout != torch.strided or value.is_quantized:
            raise UserError(f"{path} holds no plain numbers in {name}; save the state dict of a model that is in memory"
                            ", with dense weights")
        if expected[name].is_floating_point() and not value.is_floating_point():
            raise UserError(f"{path} holds {str(value.dtype).removeprefix('torch.')} in {name}, where floats belong; "
                            "save the weights as they were trained")


def check_finite(model: Module, path: Path | str) -> None:
    """Raises UserError if a weight of `model`, read from `path`, is infinite or no number."""
    wrong = [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()]
    if wrong:
        raise UserError(f"{path} holds weights that are infinite or no numbers, in {wrong[0]}: training went wrong")
