"""Views of spectrograms: functions of the key and the number, with the laws that they claim."""

import numpy as np
import pytest
import torch

from datasets.examples.store import Example, write_examples
from datasets.examples.views import expert_views, spectral_view, waveform_view
from datasets.sound.log_mel import LogMel
from tests.files import user_error

INDICES = np.arange(2000)


def test_a_view_is_a_function_of_key_and_number():
    x = torch.randn(6, 2, 16, 16)
    whole = spectral_view(x, 5, np.arange(6), 0.25)
    part = spectral_view(x[[4, 1]], 5, np.array([4, 1]), 0.25)
    assert torch.equal(part, whole[[4, 1]])
    assert not torch.equal(spectral_view(x, 6, np.arange(6), 0.25), whole)
    wave = torch.randn(6, 100)
    assert torch.equal(waveform_view(wave[[4, 1]], 5, np.array([4, 1])), waveform_view(wave, 5, np.arange(6))[[4, 1]])


def test_masks_are_one_band_and_one_span():
    """Widths uniform on 0 .. 20 - 1 of 32, so 9.5 on average; both masks are the same in each channel."""
    masked = spectral_view(torch.ones(2000, 2, 32, 32), 1, INDICES, 0.0) == 0
    assert torch.equal(masked[:, 0], masked[:, 1])
    for lines in (masked[:, 0].all(2), masked[:, 0].all(1)):
        width = lines.sum(1).float()
        assert (lines[:, 1:] != lines[:, :-1]).sum(1).max() <= 2
        assert width.max() <= 20 and abs(width.mean() - 9.5) < 5 * 5.8 / 2000**0.5


def test_noise_has_the_deviation_asked_for():
    noise = spectral_view(torch.zeros(50, 1, 32, 32), 1, np.arange(50), 0.25)
    assert noise.std().item() == pytest.approx(0.25, rel=0.02)


def test_a_wave_stays_in_its_place_between_silence():
    wave = torch.full((2000, 200), 10.0)
    kept = waveform_view(wave, 3, INDICES) > 5
    share = kept.float().mean(1)
    assert (kept[:, 1:] != kept[:, :-1]).sum(1).max() <= 2
    assert share.min() >= 0.075 and share.max() <= 1 and abs(share.mean() - 0.54) < 5 * 0.266 / 2000**0.5
    silent = waveform_view(torch.zeros(2000, 200), 3, INDICES)
    cut = (silent == 0).any(1)
    assert abs(cut.float().mean() - 0.5) < 5 * 0.5 / 2000**0.5  # noise before the cut: silence around it has none
    assert silent[~cut].std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)


@pytest.fixture
def examples(tmp_path):
    waves = np.random.default_rng(0).normal(scale=3000, size=(6, 600)).astype(np.int16)
    front = LogMel(8, 8000, 600, 64)

    def of(part):
        return waves[[int(example.file) for example in part]]

    listed = [Example(str(k), "train" if k < 4 else "val", ("ab"[k % 2],)) for k in range(6)]
    return write_examples(tmp_path / "toy", "toy", "sound", "a test", ("class",), listed,
                          lambda part: front(torch.from_numpy(of(part)).float() / 2**15), of,
                          front_end={"size": 8, "rate": 8000, "samples": 600, "window": 64})


def test_views_of_stored_sound(examples, monkeypatch):
    x = torch.from_numpy(examples.array[[5, 0]])
    for kind in ("spectral", "waveform"):
        view = expert_views(examples, kind, np.array([0, 2, 5]))(x, 7, np.array([2, 0]))
        assert view.shape == x.shape and view.dtype == torch.float32 and not torch.equal(view, x)
    monkeypatch.setattr("datasets.examples.views.waveform_view", lambda wave, key, indices: wave)
    same = expert_views(examples, "waveform", np.array([0, 2, 5]))(x, 7, np.array([2, 0]))
    torch.testing.assert_close(same, x, atol=1e-4, rtol=1e-4)


def test_views_that_are_not_there(examples):
    user_error("has no colour views; of sound there are spectral and waveform", expert_views, examples, "colour",
               np.arange(6))
