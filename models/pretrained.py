"""Any classifier of torchvision with its published ImageNet weights, up to the input of its last linear layer."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import torch
import torchvision
from torch import Tensor, nn

from utils.cli import UserError

DATA_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torchvision does not pass weights_only on to torch.load, which obeys this


class Pretrained(nn.Module):
    """`torchvision.models.<name>` with its default weights, which torchvision downloads once.

    Input size, normalisation and interpolation are those the weights were published with. Raises UserError for an
    unknown name, a model that does not end in a linear layer, weights that cannot be had, or a file in their place
    that is another than the published one. Nothing in a file is run.
    """

    LAYERS = ("penultimate",)
    PROBED = "penultimate"

    def __init__(self, name: str):
        super().__init__()
        names = torchvision.models.list_models(module=torchvision.models)
        if name not in names:
            raise UserError(f"torchvision has no classifier {name!r}; it has {', '.join(names)}")
        weights = torchvision.models.get_model_weights(name).DEFAULT
        file = _checked(weights.url)
        try:
            with _data_only():
                self.model = torchvision.models.get_model(name, weights=weights)
        except Exception as error:  # no network, or a file that is no state dict: that can raise anything
            raise UserError(f"the weights of torchvision's {name} cannot be had from {weights.url} "
                            f"({' '.join(str(error).split())[:200]}); if there is a network, delete {file}, if it is "
                            "there") from None
        linear = [path for path, module in self.model.named_modules() if isinstance(module, nn.Linear)]
        if not linear or linear[-1] != [path for path, _ in self.model.named_modules()][-1]:
            raise UserError(f"torchvision's {name} does not end in a linear layer, before which features are taken; "
                            "choose another, such as resnet50")
        self.model.set_submodule(linear[-1], nn.Identity())
        if hasattr(self.model, "AuxLogits"):  # of Inception: a second answer while it trains
            self.model.aux_logits, self.model.AuxLogits = False, None
        view = weights.transforms()
        self.SIZE, self.RESIZE, self.INTERPOLATION = view.crop_size[0], view.resize_size[0], view.interpolation.value
        self.MEAN, self.STD = tuple(view.mean), tuple(view.std)
        self.eval()

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """The input of the classifier's last linear layer, float [N, D], of x: float [N, 3, SIZE, SIZE], normalised."""
        return self.model(x)


def _checked(url: str) -> Path:
    """Where torch keeps what it downloads from `url`. Raises UserError if a file is there whose SHA-256 does not
    begin as its name says; torch itself checks that only when it downloads."""
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    if file.exists():
        published = torch.hub.HASH_REGEX.search(file.name)[1]
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if not found.startswith(published):
            raise UserError(f"{file} is damaged or not the file that torchvision publishes (its sha256 begins with "
                            f"{found[:len(published)]}, not {published}); delete it, and it is downloaded again")
    return file


@contextmanager
def _data_only() -> Iterator[None]:
    """Every torch.load in the block takes tensors and plain containers only."""
    before = os.environ.get(DATA_ONLY)
    os.environ[DATA_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[DATA_ONLY]
        else:
            os.environ[DATA_ONLY] = before
