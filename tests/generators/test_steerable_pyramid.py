"""The steerable pyramid: bands as pyrtools has them, perfect reconstruction."""

import pytest
import torch
from pyrtools.pyramids import SteerablePyramidFreq

from generators.steerable_pyramid import steerable_pyramid
from utils.cli import UserError


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("size, scales", [(32, 1), (96, 2), (128, 3), (256, 4)])
def test_bands_are_those_of_pyrtools(size, scales):
    image = noise(size, size, dtype=torch.float32)
    levels = steerable_pyramid(size, scales).split(torch.fft.rfft2(image))
    expected = SteerablePyramidFreq(image.double().numpy(), height=scales, order=3, is_complex=False).pyr_coeffs
    found = {"residual_highpass": levels[0][0], "residual_lowpass": levels[-1][0]}
    for scale in range(scales):
        found |= {(scale, b): levels[scale][(1 if scale == 0 else 0) + b] for b in range(4)}
    assert set(found) == set(expected)
    for key, band in found.items():
        assert band.dtype == torch.float32 and band.shape == expected[key].shape
        assert abs(band.numpy() - expected[key]).max() < 1e-4 * abs(expected[key]).max()


@pytest.mark.parametrize("size, scales, orientations", [(16, 1, 4), (96, 2, 1), (100, 2, 3), (128, 3, 4), (136, 3, 6)])
def test_reconstruction_is_perfect(size, scales, orientations):
    images = noise(2, 3, size, size)
    pyramid = steerable_pyramid(size, scales, orientations, dtype=torch.float64)
    levels = pyramid.split(torch.fft.rfft2(images))
    assert [level.shape[-1] for level in levels] == [size >> level for level in range(scales + 1)]
    torch.testing.assert_close(torch.fft.irfft2(pyramid.join(levels)), images, rtol=0, atol=1e-10)


def test_batches_are_images_one_by_one():
    images = noise(2, 3, 64, 64)
    pyramid = steerable_pyramid(64, 2, dtype=torch.float64)
    together = pyramid.split(torch.fft.rfft2(images))
    alone = pyramid.split(torch.fft.rfft2(images[1, 2]))
    for level, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(level[1, 2], expected, rtol=0, atol=1e-12)


def test_changed_bands_change_the_image_as_in_pyrtools():
    image = noise(64, 64)
    pyramid = steerable_pyramid(64, 2, dtype=torch.float64)
    levels = pyramid.split(torch.fft.rfft2(image))
    expected = SteerablePyramidFreq(image.numpy(), height=2, order=3)
    levels[0][2] = levels[0][2].abs()
    levels[1][3] = levels[1][3].abs()
    for key in ((0, 1), (1, 3)):
        expected.pyr_coeffs[key] = abs(expected.pyr_coeffs[key])
    found = torch.fft.irfft2(pyramid.join(levels)).numpy()
    assert abs(found - expected.recon_pyr()).max() < 1e-4


def test_a_pyramid_is_made_once():
    assert steerable_pyramid(64, 2) is steerable_pyramid(64, 2)


@pytest.mark.parametrize("size, scales, orientations", [(100, 3, 4), (16, 3, 4), (64, 0, 4), (64, 2, 0)])
def test_what_no_pyramid_holds_is_refused(size, scales, orientations):
    with pytest.raises(UserError, match="steerable pyramid"):
        steerable_pyramid(size, scales, orientations)
