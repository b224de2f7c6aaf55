"""The image tower of a CLIP of OpenAI's, and its text as a classifier, through the package open_clip_torch.

    pip install open_clip_torch
"""

from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.cli import UserError


def open_clip() -> ModuleType:
    """The package. Raises UserError if it is not installed."""
    try:
        import open_clip
    except ImportError:
        raise UserError("a CLIP teacher needs the package open_clip_torch: pip install open_clip_torch") from None
    return open_clip


class ClipTower(nn.Module):
    """The image encoder of CLIP `name`, such as RN101, in float32: images to embeddings.

    Weights are OpenAI's, which open_clip downloads once. Raises UserError if the package or the weights cannot be had.
    """

    INTERPOLATION = "bicubic"
    MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    LAYERS = ("embedding",)
    PROBED = "embedding"

    def __init__(self, name: str):
        super().__init__()
        self.visual = _clip(name).visual
        size = self.visual.image_size
        self.SIZE = self.RESIZE = size[0] if isinstance(size, Sequence) else size
        self.eval()

    def forward(self, x: Tensor, layer_index: int = -1) -> Tensor:
        """Embeddings float [N, D] of x: float [N, 3, SIZE, SIZE], normalised."""
        return self.visual(x)


def _clip(name: str) -> nn.Module:
    try:
        return open_clip().create_model(name, pretrained="openai", precision="fp32")
    except UserError:
        raise
    except Exception as error:  # an unknown name, no network, a damaged file: it can raise anything
        raise UserError(f"CLIP {name} with OpenAI's weights cannot be had ({' '.join(str(error).split())[:200]}); the "
                        "reference is RN101") from None


@torch.no_grad()
def text_head(name: str, classes: Sequence[str], template: str = "A photo of {}") -> Tensor:
    """Unit embeddings of the classes' names by the text tower of CLIP `name`: float32 [classes, D]."""
    tokens = open_clip().get_tokenizer(name)([template.format(each) for each in classes])
    return F.normalize(_clip(name).eval().encode_text(tokens).float(), dim=1)
