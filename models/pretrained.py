"""Any classifier of torchvision with its published ImageNet weights, up to the input of its last linear layer."""

import torch
import torchvision
from torch import Tensor, nn

from utils.cli import UserError


class Pretrained(nn.Module):
    """`torchvision.models.<name>` with its default weights, which torchvision downloads once.

    Input size, normalisation and interpolation are those the weights were published with. Raises UserError for an
    unknown name, a model that does not end in a linear layer, or weights that cannot be had.
    """

    LAYERS = ("penultimate",)
    PROBED = "penultimate"

    def __init__(self, name: str):
        super().__init__()
        names = torchvision.models.list_models(module=torchvision.models)
        if name not in names:
            raise UserError(f"torchvision has no classifier {name!r}; it has {', '.join(names)}")
        weights = torchvision.models.get_model_weights(name).DEFAULT
        try:
            self.model = torchvision.models.get_model(name, weights=weights)
        except Exception as error:  # no network, or a damaged file where torch keeps downloads: that can raise anything
            raise UserError(f"the weights of torchvision's {name} cannot be had from {weights.url} "
                            f"({' '.join(str(error).split())[:200]}); if there is a network, delete what lies of them "
                            f"in {torch.hub.get_dir()}") from None
        linear = [path for path, module in self.model.named_modules() if isinstance(module, nn.Linear)]
        if not linear or linear[-1] != [path for path, _ in self.model.named_modules()][-1]:
            raise UserError(f"torchvision's {name} does not end in a linear layer, before which features are taken; "
                            "choose another, such as resnet50")
        self.model.set_submodule(linear[-1], nn.Identity())
        view = weights.transforms()
        self.SIZE, self.RESIZE, self.INTERPOLATION = view.crop_size[0], view.resize_size[0], view.interpolation.value
        self.MEAN, self.STD = tuple(view.mean), tuple(view.std)
        self.eval()

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """What the classifier's last linear layer sees, float [N, D], of x: float [N, 3, SIZE, SIZE], normalised."""
        return self.model(x)
