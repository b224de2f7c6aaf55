import numpy as np
import pytest
import torch

from datasets.sound.log_mel import LogMel
from tests.files import user_error


def test_against_one_window_and_one_band_at_a_time():
    """The definition, slowly: mirror the ends, cut windows out, transform each, add up power under each triangle."""
    front = LogMel(size=16, rate=8000, samples=1024, window=256)
    wave = np.random.default_rng(0).normal(size=1024) * 0.1
    got = front(torch.from_numpy(wave)[None].float())
    assert got.shape == (1, 1, 16, 16)
    padded = np.pad(wave, 128, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    top = 2595 * np.log10(1 + 4000 / 700)
    edges = [700 * (10 ** (top * k / 17 / 2595) - 1) for k in range(18)]
    for time in (0, 5, 15):
        power = np.abs(np.fft.rfft(hann * padded[64 * time : 64 * time + 256])) ** 2
        for band in (0, 7, 15):
            low, middle, high = edges[band : band + 3]
            total = sum(p * max(0, min((f - low) / (middle - low), (high - f) / (high - middle)))
                        for p, f in zip(power, np.linspace(0, 4000, 129), strict=True))
            assert got[0, 0, band, time].item() == pytest.approx(10 * np.log10(total), abs=2e-3)


def test_a_higher_tone_is_in_a_higher_band_and_silence_is_the_floor():
    front = LogMel(size=32, rate=8000, samples=2048, window=512)
    time = torch.arange(2048) / 8000
    waves = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (300, 1000, 3000)] + [torch.zeros(2048)])
    out = front(waves)[:, 0]
    peaks = out[:3].mean(2).argmax(1)
    assert peaks[0] < peaks[1] < peaks[2] and (out[3] == -100).all()


def test_windows_that_cannot_be():
    user_error("300 samples are too few for 64 windows of 512", LogMel, 64, 8000, 300, 512)
    user_error("a window of 64 samples does not tell 64 mel bands apart", LogMel, 64, 8000, 8192, 64)
