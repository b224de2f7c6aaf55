"""The image processes in their plainest form, straight from their definitions: what the fast ones are tested against
and measured beside."""

import numpy as np

from generators.dead_leaves import CIRCLE, MAX_LEAVES, SHAPES, DeadLeaves, colours, corners, draw_leaves, kind_of, place
from generators.dead_leaves_textures import TexturedLeaves, texture_images
from generators.process import stream_key
from generators.statistical.spectrum import Spectrum, draw_exponents
from utils.seeding import generator


def inside_leaf(u: np.ndarray, kind: int, resolution: int) -> np.ndarray:
    """Which pixels of the frame one leaf covers: bool [resolution, resolution]. u: its row of `draw_leaves`."""
    centre_x, centre_y, radius = place(u, resolution)
    rows, columns = np.mgrid[:resolution, :resolution]
    x, y = columns - centre_x, rows - centre_y
    if kind == CIRCLE:
        return x**2 + y**2 <= radius**2
    points = corners(u, kind, radius)
    inside = np.ones((resolution, resolution), bool)
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0  # on the inner side of the edge from a to b
    return inside


def paint_over(u: np.ndarray, shape: int, resolution: int) -> np.ndarray:
    """Lay every leaf on top of those before it: int32 labels [resolution, resolution], -1 where bare."""
    labels = np.full((resolution, resolution), -1, np.int32)
    for n in range(len(u)):
        labels[inside_leaf(u[n], kind_of(u[n], shape), resolution)] = n
    return labels


def dead_leaves_original(process: DeadLeaves, index: int) -> np.ndarray:
    """Image `index` in the original order, leaf by leaf: uint8 [H, W, 3]."""
    shape = SHAPES.index(process.shape)
    u = draw_leaves(generator(stream_key(process), index), MAX_LEAVES, process.shape)
    image = np.zeros((process.resolution, process.resolution, 3), np.uint8)
    bare = np.ones((process.resolution, process.resolution), bool)
    for n in range(MAX_LEAVES):
        inside = inside_leaf(u[n], kind_of(u[n], shape), process.resolution)
        image[inside] = colours(u[n : n + 1])
        bare &= ~inside
        if not bare.any():
            break
    return image


def dead_leaves_textured(process: TexturedLeaves, index: int) -> np.ndarray:
    """Image `index` in the original order: leaf by leaf, and then texture by texture. uint8 [H, W, 3]."""
    textures = texture_images(process.textures, process.resolution)
    u = draw_leaves(generator(stream_key(process), index), MAX_LEAVES, process.shape)
    labels = np.full((process.resolution, process.resolution), -1)
    for n in range(MAX_LEAVES):
        labels[inside_leaf(u[n], kind_of(u[n], SHAPES.index(process.shape)), process.resolution)] = n
        if (labels >= 0).all():
            break
    image = np.zeros((*labels.shape, 3), np.uint8)
    for leaf in np.unique(labels[labels >= 0]):
        texture = textures[int(np.float64(u[leaf, 3]) * len(textures))]
        image[labels == leaf] = texture[labels == leaf]
    return image


def spectrum_passes(noise: np.ndarray, a: float, b: float, passes: int = 10) -> np.ndarray:
    """Impose the spectrum of `stat-spectrum` on each channel, as often as the original did: [3, N, N] float64."""
    size = noise.shape[-1]
    frequency = np.abs(np.fft.fftfreq(size))
    magnitude = np.divide(1.0, frequency[None, :] ** a + frequency[:, None] ** b, out=np.zeros((size, size)),
                          where=(frequency[None, :] + frequency[:, None]) > 0)
    channels = noise.astype(np.float64)
    for _ in range(passes):
        for c in range(3):
            mean, deviation = channels[c].mean(), channels[c].std()
            phase = np.angle(np.fft.fft2(channels[c] - mean))
            shaped = np.fft.ifft2(magnitude * np.exp(1j * phase)).real
            channels[c] = (shaped - shaped.mean()) / shaped.std() * deviation + mean
    return channels


def spectrum(process: Spectrum, index: int) -> np.ndarray:
    """The components of image `index` after ten passes; the colours are left out. [3, N, N] float64."""
    rng = generator(stream_key(process), index)
    exponents = draw_exponents(rng)
    return spectrum_passes(256 * rng.random((3, process.resolution, process.resolution)), *exponents)
