"""Teachers: any encoder the project loads, as one that gives an embedding and the map it was pooled from.

    efficientnet-lite0         EfficientNet-Lite0, whose weights come with pip
    torchvision:resnet50       a classifier of torchvision with its published weights
    clip:RN101                 the image tower of OpenAI's CLIP
    encoders/a/encoder.pth     a file: ours, or any that `models.load_encoder` reads
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from models import EfficientNetLite0, Encoder, Pretrained, load_encoder
from models.checkpoint import check_numbers, load_torch
from models.clip_tower import ClipTower
from utils.cli import UserError
from utils.files import read_record

EFFICIENTNET, TORCHVISION, CLIP = "efficientnet-lite0", "torchvision:", "clip:"


class Tower(nn.Module):
    """An encoder up to one of its layers, for images of one size.

    layer: a name of encoder.LAYERS ("": the one that probes take). size: height and width of images (None: the
    encoder's own). Raises UserError for a layer that is not there, an encoder of other than 3 channels, and
    images that it cannot take.
    """

    def __init__(self, encoder: Encoder | ClipTower, layer: str = "", size: int | None = None):
        super().__init__()
        self.encoder, self.layer = encoder, layer or encoder.PROBED
        self.SIZE, self.MEAN, self.STD = size or encoder.SIZE, encoder.MEAN, encoder.STD
        self.RESIZE = size or encoder.RESIZE  # of a whole image: photos of another size are taken as they are
        if self.layer not in encoder.LAYERS:
            raise UserError(f"the teacher has no layer {layer!r}; choose one of {', '.join(encoder.LAYERS)}")
        if (channels := len(encoder.MEAN)) != 3:
            raise UserError(f"the teacher takes images of {channels} channel{'s' * (channels > 1)}, not 3; pass an "
                            "encoder of colour images")
        self.index = encoder.LAYERS.index(self.layer)
        self.dense = self._dense_module()

    def _dense_module(self) -> str:
        """The name of the last module whose output is a map of more than one position, "" if there is none or if
        tokens come after it: the patches of a vision transformer are no map of what it sees."""
        found: list[str] = []

        def look(name: str, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 3:
                found.clear()
            elif isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
                found.append(name)

        hooks = [module.register_forward_hook(lambda m, i, output, name=name: look(name, output))
                 for name, module in self.encoder.named_modules() if name]  # blocks, too, which join their branches
        training = self.encoder.training
        try:
            with torch.no_grad():
                h = self.encoder.eval()(torch.zeros(1, 3, self.SIZE, self.SIZE), layer_index=self.index)
        except Exception as error:  # what a network says of a size that it cannot take
            raise UserError(f"the teacher cannot take images of {self.SIZE} pixels ({str(error).splitlines()[0][:120]})"
                            f"; pass --size {self.encoder.SIZE}") from None
        finally:
            for hook in hooks:
                hook.remove()
            self.encoder.train(training)
        if h.ndim not in (2, 4):
            raise UserError(f"the teacher's layer {self.layer} gives {h.ndim - 1} dimensions an image; features must "
                            "be vectors or maps: choose another --layer")
        self.features = h.shape[1]
        return found[-1] if found else ""

    def forward(self, x: Tensor, dense: bool = False) -> tuple[Tensor, Tensor | None]:
        """Embeddings [N, D], and with `dense` the map before pooling [N, C, H, W]. x: float [N, 3, SIZE, SIZE],
        normalised. A layer that is a map is averaged over positions."""
        maps: list[Tensor] = []
        hook = (self.encoder.get_submodule(self.dense).register_forward_hook(lambda m, i, output: maps.append(output))
                if dense else None)
        h = self.encoder(x, layer_index=self.index)
        if hook:
            hook.remove()
        return h.mean((2, 3)) if h.ndim == 4 else h, maps[-1] if dense else None

    def normalise(self, x: Tensor) -> Tensor:
        """Images in [0, 1] as the encoder takes them: float [N, 3, H, W] to the same."""
        mean, std = (torch.tensor(values, device=x.device).view(3, 1, 1) for values in (self.MEAN, self.STD))
        return ((x - mean) / std).contiguous(memory_format=torch.channels_last)

    def sha256(self) -> str:
        """A hash of all weights and buffers."""
        digest = hashlib.sha256()
        for name, tensor in self.encoder.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def load_teacher(source: str, layer: str = "", size: int | None = None) -> Tower:
    """The teacher called `source` (see the module), in evaluation mode on the CPU. Raises UserError."""
    if source == EFFICIENTNET:
        encoder: Encoder | ClipTower = EfficientNetLite0()
    elif source.startswith(TORCHVISION):
        encoder = Pretrained(source.removeprefix(TORCHVISION))
    elif source.startswith(CLIP):
        encoder = ClipTower(source.removeprefix(CLIP))
    elif Path(source).is_file():
        encoder = load_encoder(source)
    else:
        raise UserError(f"{source} is no file of an encoder; pass one, or {EFFICIENTNET}, torchvision:NAME or "
                        "clip:RN101")
    return Tower(encoder, layer, size).eval()


def load_student(run: Path) -> Tower:
    """The student of a finished run folder, in evaluation mode on the CPU. Raises UserError for another folder."""
    config = read_record(run / "config.json", teacher=str, layer=str, distortion=str)
    source, file = config["teacher"], run / "encoder.pth"
    if source.startswith((TORCHVISION, CLIP)):  # whose files do not say what they are
        tower = load_teacher(source, config["layer"], config["size"])
        weights = load_torch(file)
        if not isinstance(weights, dict) or weights.keys() != tower.encoder.state_dict().keys():
            raise UserError(f"{file} is no student of {source}")
        check_numbers(tower.encoder, weights, file)
        tower.encoder.load_state_dict(weights)
        return tower
    return Tower(load_encoder(file), config["layer"], config["size"]).eval()
