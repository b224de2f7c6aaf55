"""Log-power spectrograms of windows of sensor channels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from utils.cli import UserError

OFFSET = 1e-6  # of the power, before the logarithm


@dataclass(frozen=True)
class Spectrogram:
    """Windows float32 [B, window, C] to log(power + OFFSET) at `size` frequencies and times: float32
    [B, C, size, size], low frequencies first.

    Hann windows of 2 · size - 1 rows, as far apart as `size` of them reach over the window: 63 and 32 for PAMAP2's
    1,000 rows and 32×32 (Tamkin et al. 2021). The ends are mirrored. Raises UserError for a window below `size`,
    and for a size of 1.
    """

    size: int
    window: int

    def __post_init__(self) -> None:
        if self.size < 2:
            raise UserError(f"spectrograms need a --size of 2 or more, not {self.size}")
        if self.window < self.size:
            raise UserError(f"a window of {self.window} rows is too short for spectrograms of {self.size}×{self.size}; "
                            "pass a larger --window or a smaller --size")

    def __call__(self, windows: Tensor) -> Tensor:
        n, rows, channels = windows.shape
        taken, hop = 2 * self.size - 1, rows // (self.size - 1)
        transform = torch.stft(windows.transpose(1, 2).reshape(n * channels, rows), taken, hop,
                               window=torch.hann_window(taken, device=windows.device), return_complex=True)
        power = transform.abs().square()[:, :, : self.size]
        return torch.log(power + OFFSET).view(n, channels, self.size, self.size)
