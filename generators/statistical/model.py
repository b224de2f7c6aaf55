"""Statistical image models: noise that is given a random spectrum, wavelet histograms and colours.

    python -m generators.statistical_model --model wmm --output data/my_wmm --samples 100
    python -m generators.statistical_model --model spectrum_color_wmm --resolution 256 --output data/my_big --samples 50
    python -m generators stat-spectrum_color_wmm       # the dataset of the paper

Baradad, Wulff, Wang, Isola and Torralba, "Learning to See by Looking at Noise", NeurIPS 2021, section 3.2. An image
starts as white noise, uniform in 0..256 in three independent channels. Ten times over, the statistics of the model are
imposed on it in this order; what one undoes of another is left for the next round:

* spectrum: each channel keeps its phases, mean and deviation and gets the magnitude 1 / (|fx|^a + |fy|^b), with a and b
  as in `spectrum`, the same for the channels;
* wmm, wavelet marginals: the highpass residual and the oriented bands of a steerable pyramid (in space, edges reflected
  both ways: `steerable_pyramid`; 4 orientations; 3 scales at 128 pixels, 4 at 256) get the histogram
  exp(-|x / alpha|^beta), x from -200 to 200 in steps of 0.5, and then its mean, 0, and its deviation, each channel and
  band for itself. alpha = 4^(size of the image / size of the band): 4, 4, 16, 256, ... from fine to coarse; beta is
  uniform in (0.4, 0.8), for each channel and band. The lowpass residual is left alone;
* color: each channel gets the histogram, in 256 bins, of one principal component of the colours of a random picture.

In every model the channels are then taken as components along the principal colour axes of the random picture
(`colour_model` gives its distribution), and the result is stretched to 0..255. Random variables are drawn
once for an image, not once a round.

The paper's images were made by MATLAB code, and this is its law as it was found by running it: without its compiled
part, which is where edges are reflected. The authors' Python port is another: its pyramid is in the frequency domain.
docs/processes.md says what follows, and tests/generators/statistical/test_authors_images.py compares the images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from generators.process import check, option, stream_key, white_noise
from generators.statistical.colour_model import components, components_to_image, mondrian, principal_axes
from generators.statistical.histogram_match import Histograms, histograms, match_histograms
from generators.statistical.spectrum import TINY, draw_exponents, unit_magnitude
from generators.statistical.steerable_pyramid import ORIENTATIONS, SteerablePyramid
from generators.torch_process import BlockProcess, device_option, settle_device
from utils.cli import UserError
from utils.memory import keep_freed_memory
from utils.seeding import generator

MODELS = ("wmm", "spectrum_color", "spectrum_color_wmm")
ROUNDS = 10
COLOUR_BINS = 256
STEP = 0.5
X = np.arange(-200, 200 + STEP, STEP, dtype=np.float32)  # where the wavelet histograms are tabulated


def scales_for(resolution: int) -> int:
    """Scales of the pyramid: 3 at 128 pixels and 4 at 256, as in the paper, one more for each doubling, at least 1.

    Raises UserError for a resolution below 16 and for one that cannot be halved so often.
    """
    scales = max(1, resolution.bit_length() - 5)
    if resolution < 16 or resolution % 2**scales:
        nearest = max(16, resolution - resolution % 2**scales)
        raise UserError(f"wavelets in {scales} scales, as an image of {resolution} pixels has, need a resolution that "
                        f"is a multiple of {2**scales} and at least 16; pass --resolution {nearest}")
    return scales


def impose_spectrum(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Give each channel its magnitude; it keeps its phases, mean and deviation.

    images: float32 [I, 3, N, N]. magnitudes: float32 [I, 1, N, N // 2 + 1], of fields whose deviation is 1.
    Returns float32 [I, 3, N, N].
    """
    size = images.shape[-1]
    mean = images.mean(dim=(-2, -1), keepdim=True)
    fields = images - mean
    deviations = torch.linalg.vector_norm(fields, dim=(-2, -1), keepdim=True) / size
    spectrum = torch.fft.rfft2(fields)
    power = (spectrum * spectrum.conj()).real  # several times as fast as abs()
    spectrum *= magnitudes * deviations * power.clamp(min=float(TINY)).rsqrt()
    spectrum[..., :1, :1] = mean * size**2
    return torch.fft.irfft2(spectrum, s=images.shape[-2:])


def wavelet_histograms(betas: np.ndarray, level: int) -> tuple[Histograms, torch.Tensor]:
    """The histograms for bands of one level of the pyramid, one for each of betas, float32 [rows], and their
    deviations, float32 [rows]."""
    log_alpha = 2**level * math.log(4)
    with np.errstate(divide="ignore"):  # the logarithm of 0, whose power is 0
        powers = np.exp(betas[:, None] * (np.log(np.abs(X)) - np.float32(log_alpha)))
    density = np.exp(-powers)
    density /= density.sum(axis=1, keepdims=True)
    cumulative = np.pad(np.cumsum(density, axis=1), ((0, 0), (1, 0)))
    low, step = np.full(len(betas), X[0] - STEP / 2, np.float32), np.full(len(betas), STEP, np.float32)
    low, step, cumulative, deviations = map(torch.from_numpy, (low, step, cumulative, np.sqrt(density @ X**2)))
    return Histograms(low, step, cumulative), deviations


class WaveletMarginals:
    """The wavelet histograms of images; betas: float32 [I, 3, bands], of the highpass and then from fine to coarse."""

    def __init__(self, betas: np.ndarray, resolution: int, device: str) -> None:
        scales = scales_for(resolution)
        self.pyramid = SteerablePyramid(resolution, scales)
        levels = np.split(np.moveaxis(betas, 2, 0), [1 + ORIENTATIONS * scale for scale in range(1, scales)])
        self.goals = []
        for level, level_betas in enumerate(levels):
            goal, deviations = wavelet_histograms(level_betas.reshape(-1), level)
            self.goals.append((goal.to(device), deviations.to(device)))

    def impose(self, images: torch.Tensor) -> torch.Tensor:
        """One round on images, float32 [I, 3, N, N], both."""
        *levels, lowpass = self.pyramid.split(images.flatten(0, 1))
        for number, (goal, deviations) in enumerate(self.goals):
            rows = match_histograms(levels[number].flatten(0, 1).flatten(1), goal)
            rows -= rows.mean(dim=1, keepdim=True)
            rows *= (deviations * rows.shape[1] ** 0.5 / torch.linalg.vector_norm(rows, dim=1))[:, None]
            levels[number] = rows.view(levels[number].shape)
        return self.pyramid.join([*levels, lowpass]).view(images.shape)


class Draw(NamedTuple):
    """The random variables of images, which are the first axis of each array."""

    noise: np.ndarray  # float32 [I, 3, N, N]
    magnitudes: np.ndarray  # float32 [I, 1, N, N // 2 + 1], of fields whose deviation is 1
    betas: np.ndarray  # float32 [I, 3, bands]; no bands in a model without wavelets
    axes: np.ndarray  # float32 [I, 3, 3] and, for mu, [I, 3], as `principal_axes` returns them
    mu: np.ndarray
    colours: Histograms  # of the components, I * 3 rows


@dataclass(frozen=True)
class StatisticalModel(BlockProcess):
    """Images of one statistical model. Raises UserError for a value it does not know, for a resolution that a wavelet
    model cannot have (`scales_for`), and for a GPU that is not there."""

    model: str = option("spectrum_color_wmm", "which statistics are imposed", MODELS)
    resolution: int = option(128, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")
    device: str = device_option()

    def __post_init__(self) -> None:
        check(self)
        if "wmm" in self.model:
            scales_for(self.resolution)
        settle_device(self)

    @property
    def block(self) -> int:
        """Images computed together: on a CPU no more than its caches hold."""
        if self.device == "cpu":
            return 4 if self.resolution <= 128 else 1
        return 40

    def render_block(self, number: int) -> torch.Tensor:
        """Images number * block .. (number + 1) * block - 1, uint8 [block, N, N, 3], on the device."""
        keep_freed_memory()
        draw = self.draw(range(number * self.block, (number + 1) * self.block))
        fields = self.synthesise(draw).cpu().numpy()
        images = [components_to_image(*parts) for parts in zip(fields, draw.axes, draw.mu, strict=True)]
        return torch.from_numpy(np.stack(images)).to(self.device)

    def draw(self, indices: Sequence[int]) -> Draw:
        """The random variables of images number `indices`."""
        size = self.resolution
        bands = 1 + ORIENTATIONS * scales_for(size) if "wmm" in self.model else 0
        draws = []
        for index in indices:
            rng = generator(stream_key(self), int(index))
            magnitudes = unit_magnitude(size, *draw_exponents(rng))[None]
            betas = rng.uniform(0.4, 0.8, (3, bands)).astype(np.float32)
            noise = white_noise(rng, (3, size, size), 256)
            picture = mondrian(rng, size)
            axes, mu = principal_axes(rng, picture)
            colours = histograms(components(picture, axes, mu), COLOUR_BINS)
            draws.append((noise, magnitudes, betas, axes, mu, colours))
        *arrays, colours = zip(*draws, strict=True)
        return Draw(*map(np.stack, arrays), Histograms(*map(torch.cat, zip(*colours, strict=True))))

    def synthesise(self, draw: Draw) -> torch.Tensor:
        """Impose the statistics ten times: components along the colour axes, float32 [I, 3, N, N], on the device."""
        spectral, coloured, wavelets = (statistic in self.model for statistic in ("spectrum", "color", "wmm"))
        images, magnitudes = (torch.from_numpy(array).to(self.device) for array in (draw.noise, draw.magnitudes))
        colours = draw.colours.to(self.device)
        marginals = WaveletMarginals(draw.betas, self.resolution, self.device) if wavelets else None
        for _ in range(ROUNDS):
            if spectral:
                images = impose_spectrum(images, magnitudes)
            if marginals:
                images = marginals.impose(images)
            if coloured:
                images = match_histograms(images.flatten(0, 1).flatten(1), colours).view(images.shape)
        return images
