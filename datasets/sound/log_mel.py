"""Log-mel spectrograms of many recordings at once."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from utils.cli import UserError

FLOOR = 1e-10  # of the power, for silence: -100 dB


@dataclass(frozen=True)
class LogMel:
    """Waves, float32 [B, samples] in ±1, to decibels of the power in `size` mel bands at `size` times: float32
    [B, 1, size, size], low frequencies first.

    rate: samples a second. Windows are Hann's, `window` samples long, hop `samples // size`, and their middles lie on
    samples 0, hop, 2 hop and so on (the ends are mirrored). The bands are triangles of height 1 on the mel scale
    2595 log10(1 + f / 700) (O'Shaughnessy 1987), from 0 to half the rate. Raises UserError for a window so short that a
    band holds no frequency of it, and for fewer samples than a window.
    """

    size: int
    rate: int
    samples: int
    window: int

    def __post_init__(self) -> None:
        if self.samples < max(self.window, self.size):
            raise UserError(f"{self.samples} samples are too few for {self.size} windows of {self.window}; take more "
                            "seconds")
        if not (self.bands().sum(0) > 0).all():
            raise UserError(f"a window of {self.window} samples does not tell {self.size} mel bands apart; take fewer")

    def bands(self) -> np.ndarray:
        """float64 [window / 2 + 1, size]."""
        mel = np.linspace(0, 2595 * np.log10(1 + self.rate / 2 / 700), self.size + 2)
        edge = 700 * (10 ** (mel / 2595) - 1)
        frequency = np.linspace(0, self.rate / 2, self.window // 2 + 1)[:, None]
        rising = (frequency - edge[:-2]) / (edge[1:-1] - edge[:-2])
        falling = (edge[2:] - frequency) / (edge[2:] - edge[1:-1])
        return np.minimum(rising, falling).clip(min=0)

    def __call__(self, waves: Tensor) -> Tensor:
        window = torch.hann_window(self.window, device=waves.device)
        transform = torch.stft(waves, self.window, self.samples // self.size, window=window, return_complex=True)
        power = transform.abs().square()[:, :, : self.size]
        bands = torch.from_numpy(self.bands()).to(power)
        return 10 * torch.log10((bands.T @ power).clamp(min=FLOOR))[:, None]
