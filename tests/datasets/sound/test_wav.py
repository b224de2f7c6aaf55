import numpy as np
import pytest
from scipy.io import wavfile

from datasets.sound import wav
from datasets.sound.wav import fitted, read_wave
from tests.files import user_error

from .recordings import tone


@pytest.mark.parametrize(("dtype", "scale", "offset"), [
    (np.int16, 2**15, 0), (np.int32, 2**31, 0), (np.uint8, 128, 128), (np.float32, 1, 0)])
def test_samples_are_in_one_to_minus_one_whatever_the_file(tmp_path, dtype, scale, offset):
    wave = np.array([0, 0.5, -0.5, 0.25])
    wavfile.write(tmp_path / "a.wav", 8000, (wave * scale + offset).astype(dtype))
    np.testing.assert_allclose(read_wave(tmp_path / "a.wav", 8000), wave, atol=1e-6)


def test_channels_are_averaged_and_lengths_fitted(tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, np.array([[0.5, 0.1], [0.3, -0.3]], np.float32))
    wave = read_wave(tmp_path / "a.wav", 8000)
    np.testing.assert_allclose(wave, [0.3, 0], atol=1e-7)
    assert fitted(wave, 4).tolist() == [wave[0], wave[1], 0, 0] and fitted(wave, 1).tolist() == [wave[0]]


def test_flac(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="pip install soundfile to read FLAC")
    wave = np.round(np.sin(np.arange(400)) * 2**14) / 2**15
    soundfile.write(tmp_path / "a.flac", wave, 16000)
    np.testing.assert_allclose(read_wave(tmp_path / "a.flac", 16000), wave, atol=1e-6)
    (tmp_path / "a.flac").write_bytes(b"fLaC, but not")
    user_error("a.flac cannot be read as FLAC", read_wave, tmp_path / "a.flac", 16000)


def test_flac_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    user_error("pip install soundfile", wav.read_wave, tmp_path / "a.flac", 16000)


def test_what_is_no_recording(tmp_path):
    tone(tmp_path / "a.wav", rate=44100)
    user_error("a.wav has 44100 samples a second, not 8000", read_wave, tmp_path / "a.wav", 8000)
    wavfile.write(tmp_path / "b.wav", 8000, np.zeros(0, np.int16))
    user_error("b.wav has no samples", read_wave, tmp_path / "b.wav", 8000)
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    user_error("c.wav is not a WAV file, or was cut short", read_wave, tmp_path / "c.wav", 8000)
    tone(tmp_path / "f.wav")
    (tmp_path / "f.wav").write_bytes((tmp_path / "f.wav").read_bytes()[:-100])
    user_error("f.wav is not a WAV file, or was cut short", read_wave, tmp_path / "f.wav", 8000)
    wavfile.write(tmp_path / "d.wav", 8000, np.array([0, np.nan], np.float32))
    user_error("d.wav holds samples that are no numbers", read_wave, tmp_path / "d.wav", 8000)
    user_error("e.wav is not there", read_wave, tmp_path / "e.wav", 8000)
