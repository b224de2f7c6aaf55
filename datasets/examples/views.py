"""Expert views of spectrograms: what people made up for sound and sensors (Tamkin et al. 2021, appendix).

    rows = examples.rows("train")
    views = expert_views(examples, "spectral", rows)
    x = views(torch.from_numpy(examples.array[rows[indices]]), key, indices)

A view is a function of (key, index); make the key of the seed, the epoch and the number of the view
(`utils.seeding.stable_key`).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from datasets.examples.store import Examples
from datasets.sound.log_mel import LogMel
from utils.cli import UserError
from utils.seeding import generator, uniforms

MASKED = 0.625  # at most of the frequencies, and of the times: 40 of 64 for sound, 20 of 32 for sensors
NOISE = 0.25  # deviation of the noise added to spectrograms of sound, in deviations of the data
KEPT = (0.08, 1.0)  # share of a waveform that is kept
KINDS = {"sound": ("spectral", "waveform"), "sensors": ("spectral",)}  # by modality

Views = Callable[[Tensor, int, np.ndarray], Tensor]


def expert_views(examples: Examples, kind: str, rows: np.ndarray) -> Views:
    """Views of the examples numbered `rows`, int64 [N]: "spectral", or "waveform" of sound whose waveforms were kept.

    They map some of them, float32 [B, C, H, W] as they are stored, a key and their places in `rows`, int64 [B], to a
    view of each. Raises UserError for another kind.
    """
    modality = examples.record.get("modality")
    if kind not in KINDS.get(modality, ()):
        raise UserError(f"{examples.root} has no {kind} views; of {modality} there are "
                        f"{' and '.join(KINDS.get(modality, ('none',)))}")
    if kind == "waveform":
        return WaveformViews(examples, rows)
    noise = NOISE if modality == "sound" else 0.0
    return lambda x, key, indices: spectral_view(x, key, indices, noise)


def spectral_view(x: Tensor, key: int, indices: np.ndarray, noise: float) -> Tensor:
    """A band of frequencies and a span of time become 0, the mean; then N(0, noise²) is added: float32 [B, C, H, W].

    Each is uniform from nothing to MASKED of the side, as is its place (SpecAugment, Park et al. 2019), the same in all
    channels. x: normalised, frequencies along H and time along W.
    """
    u = torch.from_numpy(uniforms(key, indices, 4)).to(x.device)
    keep = torch.ones(len(x), 1, *x.shape[2:], dtype=torch.bool, device=x.device)
    for axis, (width, place) in ((2, u[:, :2].T), (3, u[:, 2:].T)):
        side = x.shape[axis]
        length = (width * MASKED * side).floor()
        first = (place * (side - length + 1)).floor()
        at = torch.arange(side, device=x.device)
        inside = (at >= first[:, None]) & (at < (first + length)[:, None])
        keep &= ~inside.view(len(x), 1, *((-1, 1) if axis == 2 else (1, -1)))
    x = torch.where(keep, x, 0.0)
    if noise:
        shape = x.shape[1:]
        drawn = [generator(key, i).standard_normal(shape, np.float32) for i in np.asarray(indices).tolist()]
        x = x + noise * torch.from_numpy(np.stack(drawn)).to(x.device)
    return x


class WaveformViews:
    """Views made of the waveform, whose spectrogram is then taken anew: a random part, 8 to 100 % of it, stays in its
    place with silence around it, and white noise is added, in a random order.

    The noise has the deviation √(2 / T) of an inverse Fourier transform of N(0, 1) coefficients, for T samples in ±1.
    """

    def __init__(self, examples: Examples, rows: np.ndarray):
        self.rows, self.waveforms, self.front = rows, examples.waveforms(), LogMel(**examples.record["front_end"])
        self.mean, self.std = (torch.tensor(examples.record[name])[:, None, None] for name in ("mean", "std"))

    def __call__(self, x: Tensor, key: int, indices: np.ndarray) -> Tensor:
        """float32 [B, 1, H, W], on the device of x, which is not looked at otherwise."""
        wave = torch.from_numpy(self.waveforms[self.rows[indices]]).to(x.device).float() / 2**15
        view = waveform_view(wave, key, indices)
        return (self.front(view) - self.mean.to(x.device)) / self.std.to(x.device)


def waveform_view(wave: Tensor, key: int, indices: np.ndarray) -> Tensor:
    """float32 [B, T], of waves float32 [B, T] in ±1."""
    samples = wave.shape[1]
    u = torch.from_numpy(uniforms(key, indices, 3)).to(wave.device)
    length = (samples * (KEPT[0] + (KEPT[1] - KEPT[0]) * u[:, 0])).floor()
    first = (u[:, 1] * (samples - length + 1)).floor()
    at = torch.arange(samples, device=wave.device)
    kept = (at >= first[:, None]) & (at < (first + length)[:, None])
    noise = np.stack([generator(key, i).standard_normal(samples, np.float32) for i in np.asarray(indices).tolist()])
    noise = torch.from_numpy(noise).to(wave.device) * math.sqrt(2 / samples)
    noise = torch.where((u[:, 2] < 0.5)[:, None], noise, noise * kept)  # after the cut, or before it
    return wave * kept + noise
