"""Images of untrained StyleGAN2 networks with random weights: `random`, `highfreq`, `sparse` and `oriented`.

    python -m generators.stylegan --variant oriented --output data/my_oriented --samples 100
    python -m generators.stylegan --variant sparse --resolution 128 --draw 1 --output data/my_sparse --samples 100
    python -m generators stylegan-oriented             # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.4, with the
numbers of the authors' code. The network is the synthesis half of StyleGAN2 (Karras et al., "Analyzing and Improving
the Image Quality of StyleGAN", 2020) with skip connections and ReLU: modulated 3x3 convolutions with demodulation,
then noise, bias and sqrt(2) relu; one block for each size 4, 8, ..., each adding to the image through ToRGB. There
are min(32768 / size, 512) channels. Training made nothing of it: all its numbers are random.

For all four, N(0, 1) are independent normal and U(a, b) uniform numbers:

* a network serves 400 images: its constant input is N(0, 1), and so are the affine maps A of the styles;
* w, for each image and convolution, and one more: leaky_relu(N(0, 1), slope 0.2), 512 numbers. The mapping network
  is left out. Input channels are scaled by s = 1 + A w / sqrt(512), those of ToRGB also by 1 / sqrt(channels);
* ToRGB's weights are N(0, 1), its bias is 0;
* each colour channel is standardised and gets a mean and a standard deviation of its own: red N(0.483, 0.145) and
  N(0.219, 0.063), green N(0.455, 0.142) and N(0.213, 0.062), blue N(0.401, 0.161) and N(0.213, 0.069). A negative
  deviation inverts the channel. Clipped to 0..1, times 255, rounded to the nearest integer.

What differs:

              weights                 noise                                bias
  random      N(0, 1)                 none                                 0
  highfreq    dictionary, +-1 and 0   pink, a map for each layer           0
  sparse      dictionary, +-1 and 0   pink in a Laplace envelope, likewise U(0, 0.2)
  oriented    dictionary, smooth      the same, one map for all layers     U(-0.2, 0.2)

The weights of a `random` network last as long as it does. The others draw weights, ToRGB and biases anew every `draw`
images: 4, as the authors' first release did (its batch), or 1, as their last one did. Then W[o, i] = a_o f_k(i):
entry k(i) of a dictionary (dictionary.py), uniform, for each input channel, and a_o from N(0, 1) for each
output channel (`--tie chout`, the released code), or a_oi for each pair (`--tie both`, the formula of the paper).
`oriented` first keeps, in each layer, a random part of the dictionary, of 5 to 40 entries (uniform): with few of them
an image has a direction.

Noise (`pink_noise`) is one map for all channels of a layer, times U(0, 0.3) for each image and layer. `oriented` draws
one map of 512x512 pixels each `draw` and takes means over blocks of it. For the others each layer of a network has a
pool of 100 maps, of which an image picks one (uniform).

Dense networks (`random`, `--tie both`) compute in bfloat16 where the hardware does, which moves an image by half a grey
level on average; the record says so. Tied ones compute in float32 on the CPU.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from generators.process import check, option, stream_key
from generators.stylegan import dense, tied
from generators.stylegan.network import (
    POOL,
    STYLE,
    VARIANTS,
    Conv,
    Draw,
    Network,
    conv_layers,
    make_draw,
    make_network,
    styles,
)
from generators.torch_process import (
    BlockProcess,
    device_option,
    precision_option,
    settle_device,
    settle_precision,
)
from utils.cli import UserError
from utils.seeding import generator, stable_key

NETWORK = 400  # images of a network
MEAN_OF_MEAN, DEVIATION_OF_MEAN = (0.483, 0.455, 0.401), (0.145, 0.142, 0.161)
MEAN_OF_DEVIATION, DEVIATION_OF_DEVIATION = (0.219, 0.213, 0.213), (0.063, 0.062, 0.069)


@dataclass(frozen=True, eq=False)
class Numbers:
    """The random numbers that belong to one image."""

    w: np.ndarray  # float32 [convolutions + 1, 512]
    picks: np.ndarray  # which map of the pool each convolution takes
    strengths: np.ndarray  # float32, by which it is multiplied
    colour_mean: np.ndarray  # float32 [3], of the image
    colour_deviation: np.ndarray  # float32 [3]


def make_numbers(key: int, index: int, layers: int) -> Numbers:
    """The numbers of image `index` of the process with this `stream_key`, with this many convolutions."""
    rng = generator(key, index)
    w = rng.standard_normal((layers + 1, STYLE), np.float32)
    return Numbers(w=np.maximum(w, np.float32(0.2) * w), picks=rng.integers(POOL, size=layers),
               strengths=rng.uniform(0, 0.3, layers).astype(np.float32),
               colour_mean=rng.normal(MEAN_OF_MEAN, DEVIATION_OF_MEAN).astype(np.float32),
               colour_deviation=rng.normal(MEAN_OF_DEVIATION, DEVIATION_OF_DEVIATION).astype(np.float32))


def set_colours(rgb: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Images, float32 [N, 3, H, W], with each channel standardised and given this mean and deviation, [N, 3]."""
    rgb = rgb - rgb.mean(dim=(2, 3), keepdim=True)
    there = rgb.square().mean(dim=(2, 3)).sqrt()
    return rgb * (deviation / there)[:, :, None, None] + mean[:, :, None, None]


@dataclass(frozen=True)
class StyleGAN(BlockProcess):
    """Images of random StyleGAN2 networks. Raises UserError for a value it does not know, a resolution that is not a
    power of two from 32, and for a GPU where there is none or none is used."""

    variant: str = option("oriented", "which of the four sets", tuple(VARIANTS))
    tie: str = option("chout", "what a filter's multiplier belongs to: the output channel, or each pair of channels",
                      ("chout", "both"))
    draw: int = option(4, "images that share weights, 4 or 1 (those of `random` last for 400)")
    resolution: int = option(256, "height and width of the images, in pixels, a power of two from 32")
    seed: int = option(0, "another seed gives other images")
    device: str = device_option()
    precision: str = precision_option()

    block: ClassVar[int] = 8  # divides NETWORK, and `draw` divides it

    def __post_init__(self) -> None:
        check(self)
        if self.resolution < 32 or self.resolution.bit_count() > 1:
            raise UserError(f"resolution must be a power of two from 32, not {self.resolution}")
        if self.draw not in (1, 4):
            raise UserError(f"draw must be 4 or 1, not {self.draw}")
        if self.variant == "random" and (self.draw, self.tie) != (4, "chout"):
            raise UserError("--draw and --tie are about filters of a dictionary; leave them out with variant random")
        if self.tied:
            if self.device == "cuda":
                raise UserError("networks with tied filters are computed on the CPU; pass --device cpu or auto")
            object.__setattr__(self, "device", "cpu")
            object.__setattr__(self, "precision", "float32")
        settle_device(self)
        settle_precision(self)

    @property
    def tied(self) -> bool:
        """Whether output channels share their filters, so that `tied` applies."""
        return self.variant != "random" and self.tie == "chout"

    @property
    def chunk(self) -> int:
        """Images that a worker makes at a time: half of what a network serves, where they are quick and small."""
        return 200 if self.tied and self.resolution <= 256 else 40

    @property
    def convs(self) -> tuple[Conv, ...]:
        return conv_layers(self.resolution)

    def network_of(self, index: int) -> Network:
        """What image `index` has in common with 400."""
        return _network(self, index // NETWORK)

    def draw_of(self, index: int) -> Draw:
        """What image `index` has in common with 4, or none, or, in a `random` network, with 400."""
        return _draw(self, index // self._sharing())

    def numbers_of(self, index: int) -> Numbers:
        """What image `index` has in common with none."""
        return _numbers(self, index)

    def noise_of(self, index: int) -> list[np.ndarray]:
        """The map that each convolution of image `index` adds, float32 [H, W]; an empty list for `random`."""
        if VARIANTS[self.variant].noise is None:
            return []
        network, shared, numbers = self.network_of(index), self.draw_of(index).noise, self.numbers_of(index)
        maps = [shared[conv.resolution] if shared else network.noise_map(layer, pick, conv.resolution)
                for layer, (conv, pick) in enumerate(zip(self.convs, numbers.picks, strict=True))]
        return [strength * noise for strength, noise in zip(numbers.strengths, maps, strict=True)]

    def render_block(self, number: int) -> torch.Tensor:
        """Images number * block .. (number + 1) * block - 1: uint8 [block, H, W, 3], on the device of the process."""
        images = self.coloured_block(number).clamp_(0, 1) * 255
        return images.round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    def coloured_block(self, number: int) -> torch.Tensor:
        """The same images before they are clipped and rounded: float32 [block, 3, H, W]."""
        indices = range(number * self.block, (number + 1) * self.block)
        numbers = [self.numbers_of(index) for index in indices]
        w = torch.stack([torch.from_numpy(one.w) for one in numbers])
        scales, rgb_scales = styles(self.network_of(indices[0]), w)
        step = 1 if self.tied else min(self.block, self._sharing())
        synthesise = self._tied_image if self.tied else self._dense_images
        rgb = torch.cat([synthesise(indices[i : i + step], [s[i : i + step] for s in scales],
                                    [s[i : i + step] for s in rgb_scales]) for i in range(0, self.block, step)])
        mean = torch.stack([torch.from_numpy(one.colour_mean) for one in numbers])
        deviation = torch.stack([torch.from_numpy(one.colour_deviation) for one in numbers])
        return set_colours(rgb, mean.to(self.device), deviation.to(self.device))

    def _sharing(self) -> int:
        return NETWORK if self.variant == "random" else self.draw

    def _tied_image(self, indices: range, scales: list[torch.Tensor], rgb_scales: list[torch.Tensor]) -> torch.Tensor:
        (index,) = indices
        rgb = tied.synthesise(self.network_of(index).constant, self.convs, self.draw_of(index),
                              [s[0].numpy() for s in scales], [s[0].numpy() for s in rgb_scales],
                              self.noise_of(index))
        return torch.from_numpy(rgb)[None]

    def _dense_images(self, indices: range, scales: list[torch.Tensor], rgb_scales: list[torch.Tensor]) -> torch.Tensor:
        def here(arrays: Sequence[np.ndarray | torch.Tensor]) -> list[torch.Tensor]:
            return [torch.as_tensor(array).to(self.device) for array in arrays]

        draw = self.draw_of(indices[0])
        (constant,) = here([self.network_of(indices[0]).constant])
        noise = [np.stack(maps)[:, None] for maps in zip(*(self.noise_of(index) for index in indices), strict=True)]
        kernels = _kernels(self, indices[0] // self._sharing())
        return dense.synthesise(constant, self.convs, kernels, here(draw.biases), here(draw.rgb_weights),
                                here(scales), here(rgb_scales), here(noise))


@functools.lru_cache(maxsize=1)
def _network(process: StyleGAN, number: int) -> Network:
    return make_network(stream_key(process), number, process.convs, VARIANTS[process.variant].envelope)


@functools.lru_cache(maxsize=1)
def _draw(process: StyleGAN, number: int) -> Draw:
    rng = generator(stable_key(stream_key(process), "draw"), number)
    return make_draw(rng, process.convs, VARIANTS[process.variant], process.tie)


@functools.lru_cache(maxsize=1)
def _kernels(process: StyleGAN, number: int) -> list[dense.Kernel]:
    return dense.make_kernels(_draw(process, number), process.convs, torch.device(process.device),
                              getattr(torch, process.precision))


@functools.lru_cache(maxsize=StyleGAN.block)
def _numbers(process: StyleGAN, index: int) -> Numbers:
    return make_numbers(stream_key(process), index, len(process.convs))
