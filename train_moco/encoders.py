"""The query encoder, its slow copy for keys, and BatchNorm in groups."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import ResNet50
from training.embed import running_statistics_frozen

Encoder = ResNet50


def make_encoder(seed: int, dim: int) -> Encoder:
    """A ResNet-50 with a projection to `dim` numbers. Its weights are a function of `seed`."""
    return ResNet50().initialize(seed).project(seed, dim)


class InGroups(nn.Module):
    """Queries or keys, float32 or float64 [N, dim] of length 1, of views [N, 3, H, W].

    The `groups` equal parts of the views go through the encoder one by one: BatchNorm sees each as on a GPU of its own,
    and keeps the running statistics of the first.
    """

    def __init__(self, encoder: nn.Module, groups: int):
        super().__init__()
        self.encoder, self.groups = encoder, groups

    def forward(self, views: Tensor) -> Tensor:
        first, *others = views.chunk(self.groups)
        outputs = [self.encoder(first)]
        with running_statistics_frozen(self.encoder):
            outputs += [self.encoder(part) for part in others]
        together = torch.cat(outputs)
        return F.normalize(together.to(torch.promote_types(together.dtype, torch.float32)))


def key_encoder(encoder: Encoder) -> Encoder:
    """A copy that learns nothing by itself."""
    return copy.deepcopy(encoder).requires_grad_(False)


@torch.no_grad()
def follow(keys: nn.Module, queries: nn.Module, momentum: float) -> None:
    """Move the weights of the key encoder: momentum × theirs + (1 - momentum) × the query encoder's."""
    theirs, ours = list(keys.parameters()), [p.detach() for p in queries.parameters()]
    torch._foreach_lerp_(theirs, ours, 1 - momentum)
