"""Recordings in the published layouts: short tones, whose pitch tells what is said and whose loudness who speaks."""

from pathlib import Path

import numpy as np
from scipy.io import wavfile


def tone(path: Path, pitch: float = 440.0, loud: float = 0.5, seconds: float = 0.2, rate: int = 8000) -> None:
    """A mono WAV file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    wavfile.write(path, rate, (2**15 * loud * np.sin(2 * np.pi * pitch * time)).astype(np.int16))


def fsdd(root: Path, takes: int = 8) -> Path:
    """Three digits by two speakers: recordings/<digit>_<speaker>_<k>.wav, as in the Free Spoken Digit Dataset."""
    for digit in range(3):
        for speaker, loud in (("ann", 0.1), ("bob", 0.6)):
            for take in range(takes):
                tone(root / f"recordings/{digit}_{speaker}_{take}.wav", 300 * (digit + 1) + 5 * take, loud,
                     0.2 + 0.02 * take)
    return root
