"""Reading recordings: WAV by SciPy, FLAC (LibriSpeech) by soundfile, which is installed only where it is needed."""

import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from utils.cli import UserError

EXTENSIONS = (".wav", ".flac")


def read_wave(path: Path, rate: int) -> np.ndarray:
    """One channel (the mean, of several), float32 [T] in ±1. Raises UserError, naming the file, if it is damaged, has
    no samples, or has another rate than `rate` samples a second."""
    found, samples = _flac(path) if path.suffix.lower() == ".flac" else _wav(path)
    if found != rate:
        raise UserError(f"{path} has {found} samples a second, not {rate}; bring all to one rate first, such as with "
                        f"sox {path.name} -r {rate} OUT, or pass --rate {found} if all have it")
    if not samples.size:
        raise UserError(f"{path} has no samples; remove it, or copy it again")
    samples = samples if samples.ndim == 1 else samples.mean(1)
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are no numbers; remove it, or copy it again")
    return samples.astype(np.float32)


def fitted(wave: np.ndarray, samples: int) -> np.ndarray:
    """The first `samples` of a wave, or all and silence after it: float32 [samples]."""
    return np.pad(wave[:samples], (0, max(samples - len(wave), 0)))


def _wav(path: Path) -> tuple[int, np.ndarray]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks with remarks, which others write
            warnings.filterwarnings("error", "Reached EOF prematurely", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except FileNotFoundError:
        raise UserError(f"{path} is not there; unpack the archive again") from None
    except Exception as error:  # damaged bytes can raise anything
        raise UserError(f"{path} is not a WAV file, or was cut short ({error}); remove it, or copy it again") from None
    if samples.dtype == np.uint8:
        return rate, (samples.astype(np.float64) - 128) / 128
    if samples.dtype.kind == "i":
        return rate, samples / -float(np.iinfo(samples.dtype).min)
    return rate, samples


def _flac(path: Path) -> tuple[int, np.ndarray]:
    try:
        import soundfile
    except (ImportError, OSError):  # the package, or the library that it brings
        raise UserError("FLAC files such as LibriSpeech's are read by soundfile; pip install soundfile") from None
    try:
        samples, rate = soundfile.read(path)
    except RuntimeError as error:
        raise UserError(f"{path} cannot be read as FLAC ({error}); remove it, or copy it again") from None
    return rate, samples
