"""Weights on disk, whole or absent, and read without running anything that a file contains."""

import pickle
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


def save_encoder(model: Module, path: Path | str) -> None:
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
        if zipfile.is_zipfile(path):  # old versions of torch wrote no zip files
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
