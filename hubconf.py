"""The door for other Python programs: images, encoders and views from any project or notebook, by `torch.hub`.

    import torch
    repo = "path/of/this/repository"                     # or "owner/name" of GitHub, without source="local"
    noise = torch.hub.load(repo, "images", "dead_leaves-mixed", samples=10_000, source="local")       # a Dataset
    encoder = torch.hub.load(repo, "encoder", "encoder.pth", source="local")
    features = encoder.features(noise[0])                # float32 [1, 4096]
    two_views = torch.hub.load(repo, "views", source="local")
    x, y = two_views(noise[0])                           # float32 [3, 64, 64] each

Packages of ours are called utils, datasets and models, as other people's are. Ours are there only while code of ours
runs, and yours, imported before or after, stay yours. So save an encoder's `model.state_dict()`, not its `model`.
"""

import contextlib
import functools
import importlib
import pathlib
import sys
import threading
import types
import typing

import PIL.Image
import torch
from torchvision.transforms import v2

dependencies = ["torch", "torchvision", "numpy", "scipy", "PIL", "tqdm", "yaml", "numba", "filelock"]

_REPO = pathlib.Path(__file__).resolve().parent
_NAMES = [".".join(path.relative_to(_REPO).with_suffix("").parts).removesuffix(".__init__")
          for folder in _REPO.glob("*/__init__.py") for path in folder.parent.rglob("*.py")]
# torch.hub runs this file anew for every `load`; what was imported is kept where the next one finds it.
_state = sys.modules.setdefault(f"hubconf of {_REPO}", types.SimpleNamespace(lock=threading.RLock(), kept={}))


@contextlib.contextmanager
def _ours() -> typing.Iterator[None]:
    """Inside, the names of our modules mean ours; after it, what they meant before. Raises ValueError in place of
    UserError, a class that would not find its way out of a worker."""
    with _state.lock:
        theirs = {name: sys.modules.pop(name) for name in _NAMES if name in sys.modules}
        sys.modules.update(_state.kept)
        sys.path.insert(0, str(_REPO))
        try:
            found = importlib.import_module("utils").__file__
            if _REPO not in pathlib.Path(str(found)).parents:
                raise ImportError(f"an import hook of this environment finds 'utils' not in {_REPO}, but in {found}; "
                                  "use an environment without it")
            yield
        except Exception as error:
            if type(error).__name__ == "UserError":
                raise ValueError(str(error)) from None
            raise
        finally:
            sys.path.remove(str(_REPO))
            _state.kept = {name: sys.modules.pop(name) for name in _NAMES if name in sys.modules}
            sys.modules.update(theirs)


def _again(entry: str, *arguments: typing.Any, **more: typing.Any) -> typing.Any:
    """For pickle: how a spawned worker, which has none of our modules, makes it again."""
    return functools.partial(torch.hub.load, str(_REPO), entry, *arguments, source="local", **more), ()


class images(torch.utils.data.Dataset):
    """Images of a named dataset (`python -m generators list`), rendered as they are asked for: item i is image i.

    samples: how many (default: as published). transform: of the item, a PIL image. parameters: of the process, such as
    resolution=128, encoder="encoder.pth", device="cuda" (default: the CPU). Batches of a DataLoader are rendered at
    once, by its workers if it has any. Leave shuffle off: images are random as they come, and slow out of order where
    they are made in blocks (StyleGANs, ...).
    """

    def __init__(self, name: str, samples: int | None = None, seed: int = 0,
                 transform: typing.Callable[[PIL.Image.Image], typing.Any] | None = None, **parameters: typing.Any):
        with _ours():
            from datasets.image_folders.encode import rendered
            from generators.named import make_process, open_parameters, published_size

            parameters = {**({"device": "cpu"} if "device" in open_parameters(name) else {}), **parameters}
            self._samples = published_size(name)[0] if samples is None else samples
            self._render = functools.partial(rendered, make_process(name, seed=seed, **parameters))
        if self._samples < 1:
            raise ValueError(f"samples must be at least 1, not {self._samples}")
        self._asked, self._parameters, self.transform = (name, samples, seed), parameters, transform

    def __len__(self) -> int:
        return self._samples

    def __getitems__(self, indices: typing.Sequence[int]) -> list[typing.Any]:
        """The items of a batch, as DataLoader asks for them."""
        numbers = [range(self._samples)[index] for index in indices]  # also counted from the end; else IndexError
        with _ours():
            made = [PIL.Image.fromarray(pixels) for pixels in self._render(numbers)]
        return [self.transform(image) for image in made] if self.transform else made

    def __getitem__(self, index: int) -> typing.Any:
        return self.__getitems__([index])[0]

    def __reduce__(self) -> typing.Any:
        return _again("images", *self._asked, self.transform, **self._parameters)


class encoder:
    """A frozen encoder: `model`, in evaluation mode, its `features`, and `transform`, which makes of a PIL image, or of
    uint8 or float tensors [..., 3, H, W], what the model takes: resized, the middle cut out, normalised. path_or_name:
    encoder.pth, a checkpoint of MoCo, or torchvision:NAME, as `python -m linear_eval --encoder` takes.
    """

    def __init__(self, path_or_name: str, device: str = "cpu"):
        with _ours():
            from linear_eval.features.rows import open_encoder

            self.model = model = open_encoder(path_or_name)[0].to(device)
        self.device, resize = device, v2.Resize(model.RESIZE, v2.InterpolationMode(model.INTERPOLATION))
        self.transform = v2.Compose([v2.RGB(), resize, v2.CenterCrop(model.SIZE), v2.ToImage(), v2.ToPureTensor(),
                                     v2.ToDtype(torch.float32, scale=True), v2.Normalize(model.MEAN, model.STD)])

    def features(self, images: typing.Any, layer: str | None = None) -> torch.Tensor:
        """float32 [N, D], on the CPU, of a PIL image, a list of them, or a tensor [N, 3, H, W], uint8 or float in 0..1.
        layer: one of model.LAYERS (default: the one that probes take, fc6 of a SmallAlexNet); convolutions are averaged
        over space, or, as "conv5:flat", not. Raises ValueError for other images, such as floats of 0 to 255."""
        images = [images] if isinstance(images, PIL.Image.Image) else images
        if torch.is_tensor(images):
            low, high = (-0.5, 1.5) if images.is_floating_point() else (0, 255)  # an interpolation may overshoot a bit
            fits = images.shape[1:2] == (3,) and images.ndim == 4 and low <= images.min() and images.max() <= high
        else:
            fits = len(images) and all(isinstance(image, PIL.Image.Image) for image in images)
        if not fits:
            raise ValueError("features are of a PIL image, a list of them, or a tensor [N, 3, H, W], uint8 or floats "
                             "in 0 to 1, not normalised: that is done here")
        x = self.transform(images) if torch.is_tensor(images) else torch.stack([self.transform(it) for it in images])
        with _ours():
            from linear_eval.features.frozen import encoder_features

            of = encoder_features(self.model, layer or self.model.PROBED)
            return torch.cat([of(part.to(self.device)).cpu() for part in x.split(256)])


class views:
    """A transform to two random views, as training takes them (the paper's crops, flips and colours), normalised: of a
    PIL image, or uint8 [3, H, W], a pair of float32 [3, resolution, resolution]; of a batch, uint8 [B, 3, H, W] on any
    device, a pair of batches. seed: None draws from torch's generator; with a number an image has the same two views.
    """

    def __init__(self, resolution: int = 64, seed: int | None = None):
        self.resolution, self.seed = resolution, seed

    def __call__(self, image: PIL.Image.Image | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = v2.functional.pil_to_tensor(image.convert("RGB")) if isinstance(image, PIL.Image.Image) else image
        with _ours():
            from datasets.views.pair import pair_of_views
            from models import SmallAlexNet

            return pair_of_views(pixels, self.resolution, SmallAlexNet.MEAN, SmallAlexNet.STD, self.seed)

    def __reduce__(self) -> typing.Any:
        return _again("views", self.resolution, self.seed)
