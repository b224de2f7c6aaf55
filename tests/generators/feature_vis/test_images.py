"""Feature visualisation: its parts against NumPy and torchvision, and that it does what it is for."""

import hashlib
import itertools
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F
from torchvision.transforms import functional as TF

from datasets.image_folders.writer import describe, write_image_folder
from generators import torch_process
from generators.feature_vis.fourier_image import COLOURS, draw_spectrum, stretch, to_rgb
from generators.feature_vis.images import Channels, FeatureVis, ascend, shown_channels, target_weights, targets
from generators.feature_vis.robust_transforms import ANGLES, SCALES, View, draw_view, look
from models import ResNet50, SmallAlexNet, load_encoder, save_encoder
from tests.files import user_error
from tests.generators import plain_feature_vis as plain
from utils.seeding import generator


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    """A small encoder whose batch statistics are those of noise, so that no unit is always off."""
    model, noise = SmallAlexNet(1 / 8).initialize(0), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(30):
            model(torch.randn(8, 3, 64, 64, generator=noise))
    path = tmp_path_factory.mktemp("run") / "encoder.pth"
    save_encoder(model, path)
    return str(path)


def small(encoder: str, **fields: object) -> FeatureVis:
    return FeatureVis(**{"encoder": encoder, "resolution": 32, "steps": 2, "block": 4, "device": "cpu", **fields})


# Targets

@pytest.mark.parametrize("channels", [1, 2, 7])
def test_targets_are_all_channels_then_all_pairs_and_then_again(channels):
    expected = [(i,) for i in range(channels)] + list(itertools.combinations(range(channels), 2))
    assert [targets(i, channels) for i in range(2 * len(expected))] == 2 * expected


def test_targets_of_the_published_size():
    pairs = itertools.chain(((i,) for i in range(2048)), itertools.combinations(range(2048), 2))
    chosen = range(0, 105_000, 997)
    expected = [pair for i, pair in enumerate(itertools.islice(pairs, 105_000)) if i in chosen]
    assert [targets(i, 2048) for i in chosen] == expected
    assert target_weights(2049, 2048).nonzero().flatten().tolist() == [0, 2] and target_weights(2049, 2048).sum() == 1


# Images made of coefficients

@pytest.mark.parametrize("size", [8, 31])
def test_the_fourier_image_equals_numpy(size):
    spectrum = draw_spectrum(generator(1, 0), size)
    coefficients = spectrum.numpy().astype(float) @ [1, 1j]
    f = np.sqrt(np.fft.fftfreq(size)[:, None] ** 2 + np.abs(np.fft.rfftfreq(size)) ** 2)
    channels = np.fft.irfft2(coefficients / np.maximum(f, 1 / size), s=(size, size)) * size / 4
    root = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    logits = np.einsum("ij,jyx->iyx", root / np.sqrt((root**2).sum(axis=0)).max(), channels)
    np.testing.assert_allclose(to_rgb(spectrum[None])[0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_coefficients_follow_their_distribution():
    drawn = draw_spectrum(generator(2, 0), 64).flatten()
    assert stats.kstest(drawn.numpy(), stats.norm(0, 0.01).cdf).pvalue > 0.001


def test_first_images_have_natural_colours_and_spectrum():
    spectra = torch.stack([draw_spectrum(generator(3, i), 64) for i in range(300)])
    logits = to_rgb(spectra).logit()
    # The colour matrix turns independent channels into colours with its own covariance ...
    pixels = logits.permute(1, 0, 2, 3).flatten(1)
    covariance = COLOURS @ COLOURS.T
    expected = covariance / covariance.trace()
    # ... up to sampling: the lowest frequencies hold most of the variance, about 20 numbers an image, 6,000 in all,
    # so an entry is off by about sqrt(2 / 6000) = 0.02 of the largest.
    np.testing.assert_allclose(pixels.cov() / pixels.cov().trace(), expected, atol=5 * 0.02 * expected.max().item())
    # Power falls as f^-2 along an axis. It is a mean of 300 x 3 exponential numbers for each frequency, so its log is
    # off by 0.03 and the slope over 1..20 by about 0.01.
    power = torch.fft.fft2(logits).abs().square().mean((0, 1))[0, 1:21].double().log()
    assert stats.linregress(np.log(np.arange(1, 21)), power).slope == pytest.approx(-2, abs=0.05)


def test_stretch_uses_the_whole_range_of_each_image():
    images = torch.rand(2, 3, 5, 6) * torch.tensor([0.5, 1.0])[:, None, None, None] + 0.2
    got = stretch(images).numpy()
    assert got.shape == (2, 5, 6, 3) and got.dtype == np.uint8
    for image, out in zip(images.numpy(), got, strict=True):
        scaled = (image - image.min()) / (image.max() - image.min()) * 255
        assert np.abs(out - scaled.transpose(1, 2, 0)).max() <= 0.501
    assert (stretch(torch.full((1, 3, 4, 4), 0.5)) == 0).all()


# Views

def test_views_follow_their_distribution():
    views = [draw_view(generator(4, i)) for i in range(5200)]
    corners = np.array([(*view.first, *view.second) for view in views])
    for column, jitter in zip(corners.T, (8, 8, 4, 4), strict=True):
        assert stats.chisquare(np.bincount(column, minlength=jitter)).pvalue > 0.001
    assert stats.chisquare([sum(view.scale == scale for view in views) for scale in SCALES]).pvalue > 0.001
    assert SCALES == (0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1)
    expected = {angle: 5200 / 26 * ANGLES.count(angle) for angle in range(-10, 11)}
    assert expected[0] == 6 * expected[10]
    observed = [sum(view.angle == angle for view in views) for angle in expected]
    assert stats.chisquare(observed, list(expected.values())).pvalue > 0.001


@pytest.mark.parametrize("number", range(8))
def test_a_view_equals_torchvisions(number):
    images, view = torch.rand(2, 3, 40, 40), draw_view(generator(5, number))
    got, expected = look(images, view), plain.look(images, view)
    # Sampling points are computed to 1e-7 of the width in either, of pixels that differ by up to 1.
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)


def test_a_view_by_hand():
    images = torch.rand(1, 3, 20, 20)
    still = look(images, View((4, 4), 1.0, 0, (2, 2)))  # 20 + 2 * 12 - 8 - 4 pixels, of which 12 - 4 - 2 are border
    assert still.shape == (1, 3, 32, 32)
    torch.testing.assert_close(still, F.pad(images, [6] * 4, value=0.5))
    shrunk = look(torch.ones(1, 3, 20, 20), View((0, 0), 0.9, 0, (0, 0)))
    assert shrunk.shape == (1, 3, 33, 33) and (shrunk[..., 0] == 0).all()  # 36 -> 33, and 2 black pixels on each side


# The network

@pytest.mark.parametrize("layer", SmallAlexNet.LAYERS)
@torch.no_grad()
def test_channels_are_the_networks_before_relu_and_pooling(encoder, layer):
    network, images = load_encoder(encoder), torch.rand(2, 3, 90, 90)
    index, seen = network.LAYERS.index(layer), []
    last = network.blocks[index][{"fc6": 2}.get(layer, 1)]  # BatchNorm; of fc8, which has none, the normalisation
    last.register_forward_hook(lambda module, inputs, output: seen.append(output))
    network(TF.normalize(TF.resize(images, [64, 64], antialias=True), network.MEAN, network.STD))
    expected = seen[0].mean((2, 3)) if seen[0].ndim == 4 else seen[0]
    got = Channels(load_encoder(encoder), layer, 64, "cpu", torch.float32)
    torch.testing.assert_close(got(images), expected, rtol=1e-3, atol=1e-4)
    assert got.count == expected.shape[1]


@torch.no_grad()
def test_channels_of_a_resnet_are_the_networks():
    network = ResNet50().initialize(0)
    network(torch.rand(4, 3, 64, 64))  # other batch statistics than those of a new network
    x = torch.rand(2, 3, 48, 48)
    expected = network.eval()(TF.normalize(x, network.MEAN, network.STD))
    got = Channels(network, "avgpool", 48, "cpu", torch.float32)
    assert got.count == 2048
    torch.testing.assert_close(got(x), expected, rtol=1e-3, atol=1e-4)


# The ascent

def test_each_image_excites_its_channels(encoder):
    process = small(encoder, steps=16, precision="float32")
    channels = shown_channels(process)
    count = channels.count
    indices = [*range(20), *range(count, count + 12)]  # single channels and pairs
    weights = torch.stack([target_weights(i, count) for i in indices])
    first = process.first_spectra(indices)
    last = ascend(channels, weights, first, process.views(0))
    with torch.no_grad():
        before, after = (channels(to_rgb(spectra)) for spectra in (first, last))
    gain = after - before
    # In an ascent that knows nothing of its targets, they gain more than the median channel in half of the images, and
    # in 29 of 32 once in 800,000 times. Found: in all, for each of four seeds, with other rounding too.
    assert ((weights * gain).sum(1) > gain.median(1).values).sum() >= 29


def test_one_step_equals_the_plain_loop():
    # One, because rounding grows from step to step: the first step of Adam goes by the sign of each derivative, and
    # the network's derivative jumps where a ReLU switches.
    process = FeatureVis(resolution=32, steps=1, block=2, device="cpu", precision="float32")
    network = ResNet50().initialize(process.seed).eval()
    got, expected = process.render_on_device([0, 1]).int(), plain.feature_vis_loop(network, process, [0, 1]).int()
    assert (got - expected).abs().float().mean() < 0.5
    start = FeatureVis(resolution=32, steps=0, block=2, device="cpu", precision="float32")
    assert (got - start.render_on_device([0, 1]).int()).abs().float().mean() > 10


@pytest.mark.slow
def test_bfloat16_reaches_what_float32_reaches():
    reached = {}
    for precision in ("bfloat16", "float32"):
        process = FeatureVis(resolution=64, steps=32, block=4, device="cpu", precision=precision)
        channels = shown_channels(process)
        weights = torch.stack([target_weights(i, channels.count) for i in range(4)])
        spectra = ascend(channels, weights, process.first_spectra(range(4)), process.views(0))
        exact = shown_channels(FeatureVis(resolution=64, device="cpu", precision="float32"))
        reached[precision] = (weights * exact(to_rgb(spectra))).sum(1)
    assert (reached["bfloat16"] / reached["float32"]).mean().item() == pytest.approx(1, abs=0.1)


# The process

def test_images_do_not_depend_on_the_request_or_the_worker(encoder):
    process = small(encoder)
    together = process.render_on_device(range(8))
    assert together.shape == (8, 32, 32, 3) and together.dtype == torch.uint8
    assert (together.flatten(1).amin(1) == 0).all() and (together.flatten(1).amax(1) == 255).all()
    for chunk in ([7], [5, 2]):
        torch_process._rendered.cache_clear()
        shown_channels.cache_clear()
        assert torch.equal(pickle.loads(pickle.dumps(process)).render_on_device(chunk), together[chunk])
    assert not torch.equal(small(encoder, seed=1).render_on_device([0]), together[:1])


def test_the_record_holds_the_encoder_and_not_its_path(encoder, tmp_path):
    copy = shutil.copy(encoder, tmp_path / "copy.pth")
    records = [describe(small(str(path)), "seen", 2, "png") for path in (encoder, copy)]
    assert records[0] == records[1]
    sha256 = hashlib.sha256(Path(encoder).read_bytes()).hexdigest()
    assert records[0]["parameters"]["encoder"] == f"sha256:{sha256}" and records[0]["parameters"]["layer"] == "fc6"
    assert torch.equal(small(str(copy)).render_on_device([1]), small(encoder).render_on_device([1]))
    untrained = describe(FeatureVis(device="cpu"), "random", 2, "png")["parameters"]
    assert untrained["encoder"] == "random" and untrained["layer"] == "avgpool"


def test_a_folder_is_written_block_by_block(encoder, tmp_path):
    process = small(encoder)
    assert process.chunk == 4
    assert write_image_folder(process, tmp_path / "seen", 6, name="seen", image_format="png") == 6


def test_bad_input_is_refused_in_one_line(encoder, tmp_path):
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    for fields, match in [
        ({"encoder": ""}, r"pass --encoder FILE.*train_align_uniform --data data/small_scale/dead_leaves-mixed"),
        ({"encoder": str(tmp_path / "none.pth")}, "is not a file"),
        ({"encoder": str(tmp_path / "other.pth")}, "another architecture"),
        ({"encoder": encoder, "layer": "layer4"}, "a SmallAlexNet has no layer 'layer4': .* conv1, .* fc8"),
        ({"layer": "fc6"}, "a ResNet50 has no layer 'fc6': .*avgpool"),
        ({"steps": -1}, "steps must be 0 or more"),
        ({"block": 64}, "block a divisor of 1000, not 128 and 64"),
        ({"block": 0}, "divisor"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"resolution": 0}, "resolution"),
        ({"resolution": 31}, "need 32 pixels or more, not 31; pass --resolution 32"),
    ]:
        user_error(match, FeatureVis, **{"device": "cpu", **fields})
