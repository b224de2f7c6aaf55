"""The steerable pyramid against correlation in space, tap by tap, and against pyrtools."""

import numpy as np
import pytest
import torch
from pyrtools.pyramids import SteerablePyramidSpace
from pyrtools.pyramids.filters import parse_filter
from scipy import ndimage

from generators.statistical.steerable_pyramid import (
    ORIENTATIONS,
    SteerablePyramid,
    gather,
    gather_by_fft,
    parts,
    spread,
    spread_by_fft,
    taps,
)
from tests.files import user_error

SIZES = [(16, 1), (96, 2), (128, 3), (256, 4)]


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def filtered(image: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Correlation with a filter; edges are reflected about the last pixel."""
    return ndimage.correlate(image, taps, mode="mirror")


def split_plainly(image: np.ndarray, scales: int) -> list[np.ndarray]:
    """The levels of one image, [filters, n, n] each, from the definition."""
    levels, low = [], filtered(image, taps()["lo0"])
    for _ in range(scales):
        levels.append(np.stack([filtered(low, band) for band in taps()["bands"]]))
        low = filtered(low, taps()["lofilt"])[::2, ::2]
    levels[0] = np.concatenate([filtered(image, taps()["hi0"])[None], levels[0]])
    return [*levels, low[None]]


def join_plainly(levels: list[np.ndarray]) -> np.ndarray:
    """The image of levels, from the definition."""
    low = levels[-1][0]
    for level in reversed(levels[:-1]):
        raised = np.zeros(level.shape[1:])
        raised[::2, ::2] = low
        low = filtered(raised, taps()["lofilt"])
        for band, values in zip(taps()["bands"], level[-ORIENTATIONS:], strict=True):
            low += filtered(values, band[::-1, ::-1])
    return filtered(low, taps()["lo0"]) + filtered(levels[0][0], taps()["hi0"])


def test_filters_are_those_of_pyrtools():
    expected = parse_filter("sp3_filters", normalize=False)
    for ours, theirs in (("hi0", "hi0filt"), ("lo0", "lo0filt"), ("lofilt", "lofilt")):
        np.testing.assert_array_equal(taps()[ours], expected[theirs])
    for b, band in enumerate(taps()["bands"]):
        np.testing.assert_array_equal(band, expected["bfilts"][:, b].reshape(9, 9, order="F"))


def test_parts_have_their_signs_and_make_the_bands():
    for name in taps():
        for part in parts(name):
            np.testing.assert_allclose(part.taps, part.across * part.taps[:, ::-1], atol=1e-15)
            np.testing.assert_allclose(part.taps, part.down * part.taps[::-1], atol=1e-15)
    first, across, third, down = (part.taps for part in parts("bands"))
    np.testing.assert_allclose([first, down + across, third, down - across], taps()["bands"], atol=1e-15)


@pytest.mark.parametrize("size, scales", SIZES)
def test_split_equals_correlation_in_space(size, scales):
    images = noise(2, size, size)
    levels = SteerablePyramid(size, scales).split(images)
    for level, expected in zip(levels, split_plainly(images[1].numpy(), scales), strict=True):
        np.testing.assert_allclose(level[:, 1], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size, scales", SIZES)
def test_join_equals_convolution_in_space(size, scales):
    pyramid = SteerablePyramid(size, scales)
    levels = [noise(*level.shape) for level in pyramid.split(noise(2, size, size))]  # as no image has them
    expected = join_plainly([level[:, 1].numpy() for level in levels])
    np.testing.assert_allclose(pyramid.join(levels)[1], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size, scales", [(96, 2), (128, 3), (256, 4)])
def test_all_is_as_in_pyrtools(size, scales):
    image = noise(size, size)
    pyramid = SteerablePyramid(size, scales)
    levels = pyramid.split(image[None])
    expected = SteerablePyramidSpace(image.numpy(), height=scales, order=3, edge_type="reflect1")
    np.testing.assert_allclose(levels[0][0, 0], expected.pyr_coeffs["residual_highpass"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(levels[-1][0, 0], expected.pyr_coeffs["residual_lowpass"], rtol=0, atol=1e-10)
    for scale, level in enumerate(levels[:-1]):
        for b in range(ORIENTATIONS):
            np.testing.assert_allclose(level[b - ORIENTATIONS, 0], expected.pyr_coeffs[scale, b], rtol=0, atol=1e-10)
            level[b - ORIENTATIONS] = level[b - ORIENTATIONS].abs()
            expected.pyr_coeffs[scale, b] = abs(expected.pyr_coeffs[scale, b])
    np.testing.assert_allclose(pyramid.join(levels)[0], expected.recon_pyr(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["hi0", "lo0", "lofilt", "bands"])
@pytest.mark.parametrize("size", [16, 34, 64])
def test_the_way_of_the_gpu_on_a_cpu(name, size):
    images, several = noise(3, size, size), list(noise(len(parts(name)), 3, size, size))
    for step in (1, 2):
        found, expected = (images.new_empty(len(several), 3, size // step, size // step) for _ in range(2))
        spread_by_fft(images, name, found, step)
        spread(images, name, expected, step)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(gather_by_fft(several, name), gather(several, name), rtol=0, atol=1e-10)


@pytest.mark.gpu
def test_gpu_and_cpu_have_the_same_pyramid():
    images, pyramid = noise(2, 128, 128), SteerablePyramid(128, 3)
    levels = pyramid.split(images.cuda())
    for level, expected in zip(levels, pyramid.split(images), strict=True):
        torch.testing.assert_close(level.cpu(), expected, rtol=0, atol=1e-10)
    expected = pyramid.join([level.cpu() for level in levels])
    torch.testing.assert_close(pyramid.join(levels).cpu(), expected, rtol=0, atol=1e-10)


def test_images_come_back_inside_and_not_at_the_border():
    images, pyramid = noise(2, 128, 128), SteerablePyramid(128, 3)
    error = (pyramid.join(pyramid.split(images)) - images).abs()
    assert error[:, 32:-32, 32:-32].max() < 0.05 and error[:, 0].mean() > 0.1


def test_batches_are_images_one_by_one_and_float32_is_near():
    images, pyramid = noise(3, 64, 64), SteerablePyramid(64, 2)
    for level, alone, rounded in zip(pyramid.split(images), pyramid.split(images[1:2]), pyramid.split(images.float()),
                                     strict=True):
        torch.testing.assert_close(level[:, 1], alone[:, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(level.float(), rounded, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size, scales", [(100, 3), (32, 3), (64, 0)])
def test_what_no_pyramid_holds_is_refused(size, scales):
    user_error("steerable pyramid", SteerablePyramid, size, scales)
