"""Statistical models: the fast ones against pyrtools and ranks, and each statistic found again in what is made."""

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.plain_generators import spectrum_passes
from benchmarks.plain_statistics import match_wavelets, statistical_model
from generators import statistical_model as module
from generators.histogram_match import match_histograms, match_on_gpu
from generators.process import stream_key
from generators.spectrum import deviation, draw_exponents, magnitude
from generators.statistical_model import MODELS, StatisticalModel, WaveletMarginals, impose_spectrum, scales_for
from tests.generators.test_histogram_match import distance
from utils.cli import UserError
from utils.seeding import generator


def on_cpu(model: str, resolution: int, **parameters: int) -> StatisticalModel:
    return StatisticalModel(model=model, resolution=resolution, device="cpu", **parameters)


@pytest.mark.parametrize("model", MODELS)
def test_images_are_those_of_the_plain_implementation(model):
    process = on_cpu(model, 64)
    for index, image in enumerate(process.render(range(3)).numpy().astype(float)):
        expected = statistical_model(process, index).astype(float)
        # Ten rounds feed the difference of tables and ranks back into itself, most of all at the gaps between colours.
        assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.98
        assert abs(image - expected).mean() < 4


def test_one_round_of_wavelets_is_that_of_pyrtools_and_ranks():
    draw = on_cpu("wmm", 128).draw([0])
    marginals = WaveletMarginals(draw.betas, 128, "cpu")
    found = torch.fft.irfft2(marginals.impose(torch.fft.rfft2(torch.from_numpy(draw.noise))))[0].numpy()
    for channel in range(3):
        expected = match_wavelets(draw.noise[0, channel], draw.betas[0, channel], 3)
        assert abs(found[channel] - expected).mean() < 0.01 * expected.std()


@pytest.mark.parametrize("a, b", [(0.5, 0.6), (1.5, 1.4), (3.5, 3.4)])
def test_one_round_of_the_spectrum_is_the_plain_one(a, b):
    noise = 256 * generator(1, 0).random((3, 64, 64), np.float32)
    magnitudes = magnitude(64, a, b)[None]
    magnitudes = torch.from_numpy(magnitudes / deviation(magnitudes))
    found = torch.fft.irfft2(impose_spectrum(torch.from_numpy(noise)[None], magnitudes[None]))[0].numpy()
    assert np.abs(found - spectrum_passes(noise, a, b, passes=1)).max() < 0.005  # of a range of 256


def test_wavelet_bands_take_their_histograms():
    process = on_cpu("wmm", 64)
    distances, deviations = [], []
    for start in range(0, 200, 8):
        draw = process.draw(range(start, start + 8))
        marginals = WaveletMarginals(draw.betas, 64, "cpu")
        levels = marginals.pyramid.split(torch.fft.rfft2(process.synthesise(draw)))
        for level, (goal, wanted) in zip(levels, marginals.goals, strict=False):  # the lowpass has none
            rows = level.flatten(0, 2).flatten(1)
            distances += [distance(row.numpy(), goal, n) for n, row in enumerate(rows)]
            deviations.append(rows.std(dim=1) / wanted)
    # The pyramid has more coefficients than the image has pixels, so no image has just these bands. After ten rounds
    # the median distance is 0.03 (a Gaussian of the same deviation is 0.1 to 0.3 off) and 0.93 to 1.26 hold 80% of the
    # deviations; with 5,400 bands the error of sampling is far below the room that is left here.
    assert np.median(distances) < 0.04
    low, middle, high = np.quantile(torch.cat(deviations), [0.1, 0.5, 0.9])
    assert low > 0.85 and middle == pytest.approx(1, abs=0.03) and high < 1.35


@pytest.mark.parametrize("model", ["spectrum_color", "spectrum_color_wmm"])
def test_colours_take_their_histograms(model):
    process = on_cpu(model, 32)
    distances = []
    for start in range(0, 240, 8):
        draw = process.draw(range(start, start + 8))
        rows = process.synthesise(draw).flatten(0, 1).flatten(1).numpy()
        distances += [distance(row, draw.colours, n) for n, row in enumerate(rows)]
    # Of 1,024 values each counts for 0.001, and a bin of the values, of 1,024 bins too, rarely holds more than ten.
    assert np.median(distances) < 0.005 and max(distances) < 0.02


def test_exponents_are_found_in_the_fields():
    process = on_cpu("spectrum_color", 64)
    log_f = np.log(np.arange(1, 21))
    drawn, found = [], []
    for start in range(0, 240, 8):
        fields = process.synthesise(process.draw(range(start, start + 8))).numpy()
        power = (np.abs(np.fft.rfft2(fields)) ** 2).mean(axis=1)
        found += [-stats.linregress(log_f, 0.5 * np.log(image[0, 1:21])).slope for image in power]
        drawn += [draw_exponents(generator(stream_key(process), start + i))[0] for i in range(8)]
    drawn, found = np.array(drawn), np.array(found)
    gentle = drawn < 1.5  # imposing flat colours on a steep spectrum gives it edges, and those have an exponent below 2
    assert gentle.sum() > 50
    assert np.median(abs(found - drawn)[gentle]) < 0.06
    assert stats.spearmanr(drawn[gentle], found[gentle]).statistic > 0.95


def test_exponents_of_the_wavelets_follow_their_distribution():
    betas = on_cpu("wmm", 16).draw(range(300)).betas  # 3 channels of 5 bands
    assert betas.shape == (300, 3, 5)
    assert stats.kstest(betas.ravel(), stats.uniform(0.4, 0.4).cdf).pvalue > 0.001
    assert stats.kstest(betas[:, 1, 2], stats.uniform(0.4, 0.4).cdf).pvalue > 0.001


def test_wavelet_histograms_by_hand():
    (low, step, cumulative), deviations = module.wavelet_histograms(np.array([0.5], np.float32), 1)
    x = np.arange(-400, 401) / 2
    height = np.exp(-np.sqrt(abs(x) / 16))  # alpha = 4^2 on level 1, whose coefficients are twice those of MATLAB
    assert (low.item(), step.item()) == (-400.5, 1.0)
    np.testing.assert_allclose(cumulative[0, 1:], np.cumsum(height) / height.sum(), atol=1e-5)
    assert deviations.item() == pytest.approx(2 * np.sqrt((height * x**2).sum() / height.sum()), rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_images_do_not_depend_on_the_request(model):
    process = on_cpu(model, 32)
    together = process.render(range(12)).numpy()
    assert together.shape == (12, 32, 32, 3) and together.dtype == np.uint8
    assert (together.reshape(12, -1).min(axis=1) == 0).all() and (together.reshape(12, -1).max(axis=1) == 255).all()
    for request in ([9], [11, 2, 3]):
        again = on_cpu(model, 32).render(request).numpy()
        np.testing.assert_array_equal(again, together[request])
    assert not np.array_equal(on_cpu(model, 32, seed=1).render([0]).numpy(), together[:1])


@pytest.mark.parametrize("model", MODELS)
def test_the_way_of_the_gpu_on_a_cpu(model, monkeypatch):
    process = on_cpu(model, 64)
    draw = process.draw(range(5))

    def difference(rounds: int) -> float:
        monkeypatch.setattr(module, "ROUNDS", rounds)
        monkeypatch.setattr(module, "match_histograms", match_histograms)
        expected = process.synthesise(draw)
        monkeypatch.setattr(module, "match_histograms", match_on_gpu)
        return (process.synthesise(draw) - expected).abs().mean().item()

    # In components that are hundreds of grey levels wide. Each round makes differences several times as large: to
    # change the noise by one part in a million does the same.
    assert difference(rounds=1) < 0.01
    assert difference(rounds=10) < 1


@pytest.mark.gpu
@pytest.mark.parametrize("model", MODELS)
def test_gpu_and_cpu_make_the_same_images(model, monkeypatch):
    process = StatisticalModel(model=model, resolution=128, device="cuda")
    expected = on_cpu(model, 128).render(range(4)).float()
    found = process.render(range(4))
    assert found.is_cuda
    assert (found.cpu().float() - expected).abs().mean() < 3  # of 255: after ten rounds bytes differ, pictures do not
    monkeypatch.setattr(module, "ROUNDS", 1)
    draw = process.draw(range(4))
    difference = process.synthesise(draw).cpu() - on_cpu(model, 128).synthesise(draw)
    assert difference.abs().mean() < 0.01


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_colours_alone_take_any_resolution(size):
    assert on_cpu("spectrum_color", size).render([0]).shape == (1, size, size, 3)


def test_scales():
    assert [scales_for(size) for size in (16, 32, 64, 96, 128, 224, 256, 512)] == [1, 1, 2, 2, 3, 3, 4, 5]


@pytest.mark.parametrize("parameters, message", [({"model": "pink"}, "model must be one of"),
                                                 ({"resolution": 0}, "resolution"),
                                                 ({"resolution": 8}, "pass --resolution 16"),
                                                 ({"resolution": 130}, "multiple of 8.* pass --resolution 128")])
def test_bad_values_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        StatisticalModel(**parameters)
