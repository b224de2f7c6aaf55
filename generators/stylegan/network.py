"""The parts of the untrained StyleGAN2 networks: their layers and all their random numbers.

images.py gives the distributions. dense.py and tied.py compute images from these parts.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
import torch

from generators.stylegan.dictionary import sign_dictionary, smooth_dictionary
from generators.stylegan.pink_noise import pink_noise
from utils.seeding import generator, stable_key

STYLE = 512  # numbers in a style vector w
POOL = 100  # noise maps of a layer to choose from
MAP = 512  # size of the map that all layers of an `oriented` network share


@dataclass(frozen=True)
class Conv:
    """One 3x3 convolution; number l reads style vector l, a block's ToRGB the one after its last convolution."""

    resolution: int  # of the output
    inputs: int
    outputs: int
    up: bool  # doubles the resolution; the first of its block, if not in the block at 4x4
    to_rgb: bool  # the last of its block


@functools.cache
def conv_layers(resolution: int) -> tuple[Conv, ...]:
    """The convolutions of a network for images of this size, a power of two from 8: one at 4x4, two at each later."""
    channels = {size: min(32768 // size, 512) for size in (2**i for i in range(2, resolution.bit_length()))}
    convs = [Conv(4, channels[4], channels[4], up=False, to_rgb=True)]
    for size in list(channels)[1:]:
        convs += [Conv(size, channels[size // 2], channels[size], up=True, to_rgb=False),
                  Conv(size, channels[size], channels[size], up=False, to_rgb=True)]
    return tuple(convs)


@dataclass(frozen=True)
class Variant:
    """What sets one of the four apart."""

    dictionary: str | None  # 'sign' or 'smooth'; None for independent normal weights
    subsets: bool = False  # each layer uses a random part of the dictionary
    noise: str | None = None  # 'pool': a map of its own for each layer; 'shared': one for all; None
    envelope: bool = False  # on the noise
    bias: tuple[float, float] = (0, 0)  # range of the uniform biases


VARIANTS = {
    "random": Variant(None),
    "highfreq": Variant("sign", noise="pool"),
    "sparse": Variant("sign", noise="pool", envelope=True, bias=(0, 0.2)),
    "oriented": Variant("smooth", subsets=True, noise="shared", envelope=True, bias=(-0.2, 0.2)),
}


@dataclass(frozen=True, eq=False)
class Network:
    """What 400 images share."""

    constant: np.ndarray  # float32 [512, 4, 4], the input
    affines: list[torch.Tensor]  # for each convolution float32 [512, inputs]
    rgb_affines: list[torch.Tensor]  # for each ToRGB float32 [512, outputs of its block]
    key: int  # of the noise maps
    envelope: bool
    pool: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def noise_map(self, layer: int, number: int, size: int) -> np.ndarray:
        """Map `number` < POOL of a layer: float32 [size, size]. Made when first asked for, and kept."""
        if (layer, number) not in self.pool:
            self.pool[layer, number] = pink_noise(generator(self.key, layer * POOL + number), size, self.envelope)
        return self.pool[layer, number]


def make_network(key: int, number: int, convs: tuple[Conv, ...], envelope: bool) -> Network:
    """Network `number` of the process with this `stream_key`."""
    rng = generator(stable_key(key, "network"), number)

    def normal(*shape: int) -> torch.Tensor:
        # In memory of torch's, whose alignment, and so the order of sums in a matrix product, is always the same.
        return torch.from_numpy(rng.standard_normal(shape, np.float32)).clone()

    constant = normal(convs[0].inputs, 4, 4).numpy()
    affines = [normal(STYLE, conv.inputs) for conv in convs]
    rgb_affines = [normal(STYLE, conv.outputs) for conv in convs if conv.to_rgb]
    return Network(constant, affines, rgb_affines, stable_key(key, "noise maps", number), envelope)


def styles(network: Network, w: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The factors by which each convolution scales its input channels, [N, inputs] each, and each ToRGB its own,
    [N, outputs of its block] each, for style vectors w [N, convolutions + 1, 512]."""
    convs, rgbs = network.affines, network.rgb_affines
    scales = [1 + w[:, i] @ affine / STYLE**0.5 for i, affine in enumerate(convs)]
    rgb_scales = [(1 + w[:, 2 * i + 1] @ affine / STYLE**0.5) / affine.shape[1] ** 0.5 for i, affine in enumerate(rgbs)]
    return scales, rgb_scales


@dataclass(frozen=True, eq=False)
class Draw:
    """What the images of one draw share (in a `random` network, all of its images). Lists go by convolution.

    The weights of a convolution, [outputs, inputs, 3, 3], are multipliers * filters. `filters` are float32
    [inputs, 3, 3] from the dictionary, `multipliers` [outputs, 1, 1, 1], or [outputs, inputs, 1, 1] where both tie;
    a `random` network has filters of ones, [1, 3, 3], and multipliers [outputs, inputs, 3, 3].
    """

    filters: list[np.ndarray]
    multipliers: list[np.ndarray]
    biases: list[np.ndarray]  # float32 [outputs]
    rgb_weights: list[np.ndarray]  # for each ToRGB float32 [3, outputs of its block]
    noise: dict[int, np.ndarray]  # the shared noise map at each resolution, empty where maps come from the pool

    @functools.cached_property
    def sign_groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each convolution its output channels with a positive multiplier and those with a negative one, each by
        falling bias: two int64 arrays."""
        groups = []
        for multipliers, bias in zip(self.multipliers, self.biases, strict=True):
            order, positive = np.argsort(-bias, kind="stable"), multipliers.ravel() > 0
            groups.append((order[positive[order]], order[~positive[order]]))
        return groups


def make_draw(rng: np.random.Generator, convs: tuple[Conv, ...], variant: Variant, tie: str) -> Draw:
    """One draw of `variant`. tie: 'chout' (a multiplier for each output channel) or 'both' (for each pair)."""
    filters, multipliers, biases = [], [], []
    for conv in convs:
        if variant.dictionary is None:
            filters.append(np.ones((1, 3, 3), np.float32))
            shape = (conv.outputs, conv.inputs, 3, 3)
        else:
            entries = sign_dictionary() if variant.dictionary == "sign" else smooth_dictionary()
            if variant.subsets:
                entries = entries[rng.permutation(len(entries))[: rng.integers(5, len(entries) + 1)]]
            filters.append(entries[rng.integers(len(entries), size=conv.inputs)])
            shape = (conv.outputs, conv.inputs if tie == "both" else 1, 1, 1)
        multipliers.append(rng.standard_normal(shape, np.float32))
        biases.append(rng.uniform(*variant.bias, conv.outputs).astype(np.float32))
    rgb_weights = [rng.standard_normal((3, conv.outputs), np.float32) for conv in convs if conv.to_rgb]
    shared = variant.noise == "shared"
    noise = at_all_sizes(pink_noise(rng, MAP, variant.envelope), convs[-1].resolution) if shared else {}
    return Draw(filters, multipliers, biases, rgb_weights, noise)


def at_all_sizes(finest: np.ndarray, largest: int) -> dict[int, np.ndarray]:
    """A square map at each resolution 4, 8, ..., `largest`: means over blocks of pixels, or repeated pixels."""
    maps = {len(finest): finest}
    for size in (2**i for i in range(len(finest).bit_length() - 2, 1, -1)):
        a = maps[2 * size]
        maps[size] = (a[::2, ::2] + a[::2, 1::2] + a[1::2, ::2] + a[1::2, 1::2]) / 4
    for size in (2**i for i in range(len(finest).bit_length(), largest.bit_length())):
        maps[size] = maps[size // 2].repeat(2, axis=0).repeat(2, axis=1)
    return {size: maps[size] for size in maps if size <= largest}
