"""Views on the CPU: one compiled pass over each image, which stays in the cache from crop to normalisation.

The same arithmetic as `datasets.views.batched`, which serves GPUs; a test holds the two and torchvision together.
Inside, an image is three planes [3, column, row]; as every colour operation is pointwise, that order does not
matter to them.
"""

import numpy as np
from numba import njit

from datasets.views.parameters import BRIGHTNESS, CONTRAST, HUE, NEUTRAL

BLUR_REACH = 4.0  # deviations to each side: what lies beyond is 6e-5 of a Gaussian

_compiled = njit(nogil=True, cache=True, fastmath=True, error_model="numpy")


@_compiled
def _taps(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Antialiased bilinear weights for resizing `length` samples to `size`.

    Output i is the sum over t < count[i] of weight[i, t] * input[first[i] + t]: a triangle of half-width
    max(length / size, 1) around the output's centre, cut at the borders and normalised (as PIL and torch do).
    """
    scale = np.float32(length / size)
    reach = max(scale, np.float32(1))
    first, count = np.empty(size, np.int64), np.empty(size, np.int64)
    weight = np.zeros((size, int(2 * reach) + 3), np.float32)
    for i in range(size):
        centre = scale * (np.float32(i) + np.float32(0.5))
        first[i] = max(int(centre - reach + np.float32(0.5)), 0)
        count[i] = min(int(centre + reach + np.float32(0.5)), length) - first[i]
        total = np.float32(0)
        for t in range(count[i]):
            distance = abs(np.float32(first[i] + t) + np.float32(0.5) - centre) / reach
            weight[i, t] = max(np.float32(1) - distance, np.float32(0))
            total += weight[i, t]
        weight[i] /= total
    return first, count, weight


@_compiled
def _crop(image: np.ndarray, box: np.ndarray, flip: bool, planes: np.ndarray) -> None:
    """Resize the box of uint8 [H, W, 3] to float32 planes [3, size, size] in 0..1, mirrored if `flip`."""
    top, left, height, width = box
    size = planes.shape[1]
    first, count, weight = _taps(height, size)
    columns = np.empty((width * 3, size), np.float32)  # rows resized, transposed for the second pass
    line = np.empty(width * 3, np.float32)
    for i in range(size):
        line[:] = 0
        for t in range(count[i]):
            source = image[top + first[i] + t, left : left + width].reshape(-1)
            w = weight[i, t] / np.float32(255)
            for j in range(width * 3):
                line[j] += w * source[j]
        for j in range(width * 3):
            columns[j, i] = line[j]
    first, count, weight = _taps(width, size)
    for i in range(size):
        for c in range(3):
            target = planes[c, size - 1 - i if flip else i]
            target[:] = 0
            for t in range(count[i]):
                source = columns[(first[i] + t) * 3 + c]
                w = weight[i, t]
                for j in range(size):
                    target[j] += w * source[j]


@_compiled
def _gray(planes: np.ndarray, gray: np.ndarray) -> None:
    """Luma of float32 [3, P] into float32 [P]."""
    r, g, b = planes
    for p in range(gray.size):
        gray[p] = np.float32(0.2989) * r[p] + np.float32(0.587) * g[p] + np.float32(0.114) * b[p]


@_compiled
def _blend(planes: np.ndarray, other: np.ndarray, factor: np.float32) -> None:
    """planes <- clip(factor * planes + (1 - factor) * other), for float32 [3, P] and [P]."""
    for c in range(3):
        plane = planes[c]
        for p in range(other.size):
            value = factor * plane[p] + (np.float32(1) - factor) * other[p]
            plane[p] = min(max(value, np.float32(0)), np.float32(1))


@_compiled
def _shift_hue(planes: np.ndarray, shift: np.float32) -> None:
    """Rotate the HSV hue of float32 [3, P] in 0..1 by `shift` turns, value and saturation kept.

    With value v, chroma c and hue h in sixths of a turn, channel n (5, 3, 1 for r, g, b) of the result is
    v - c * clip(min(k, 4 - k), 0, 1) with k = (n + h) mod 6.
    """
    one, four, six = np.float32(1), np.float32(4), np.float32(6)
    reds, greens, blues = planes
    for p in range(reds.size):
        r, g, b = reds[p], greens[p], blues[p]
        value = max(r, max(g, b))
        chroma = value - min(r, min(g, b))
        inverse = one / (chroma if chroma > 0 else one)
        hue = (g - b) * inverse if value == r else (np.float32(2) + (b - r) * inverse if value == g
                                                    else four + (r - g) * inverse)
        hue += six * (shift + one)  # in [3, 14.4): positive, so that truncation below is floor
        k = hue + np.float32(5)
        k -= six * np.float32(int(k / six))
        reds[p] = value - chroma * min(max(min(k, four - k), np.float32(0)), one)
        k = hue + np.float32(3)
        k -= six * np.float32(int(k / six))
        greens[p] = value - chroma * min(max(min(k, four - k), np.float32(0)), one)
        k = hue + one
        k -= six * np.float32(int(k / six))
        blues[p] = value - chroma * min(max(min(k, four - k), np.float32(0)), one)


@_compiled
def _blur(square: np.ndarray, deviation: float, spare: np.ndarray) -> None:
    """Gaussian blur of float32 [C, S, S] by `deviation` pixels, mirrored at the borders (`views.blur_matrix`); spare:
    as large."""
    size = square.shape[1]
    reach = min(int(np.ceil(BLUR_REACH * deviation)), size - 1)
    weight = np.exp(np.float32(-0.5) * (np.arange(reach + 1) / np.float32(deviation)) ** 2).astype(np.float32)
    weight /= np.float32(2) * weight.sum() - weight[0]
    padded = np.empty(size + 2 * reach, np.float32)
    for c in range(len(square)):
        for i in range(size):  # across lines, which lie one after another
            target = spare[c, i]
            target[:] = weight[0] * square[c, i]
            for k in range(1, reach + 1):
                before, behind = square[c, abs(i - k)], square[c, size - 1 - abs(size - 1 - i - k)]
                w = weight[k]
                for j in range(size):
                    target[j] += w * (before[j] + behind[j])
        for i in range(size):  # along them
            padded[reach : reach + size] = spare[c, i]
            for k in range(1, reach + 1):
                padded[reach - k], padded[reach + size - 1 + k] = spare[c, i, k], spare[c, i, size - 1 - k]
            target = square[c, i]
            for j in range(size):
                target[j] = weight[0] * padded[reach + j]
            for k in range(1, reach + 1):
                w = weight[k]
                for j in range(size):
                    target[j] += w * (padded[reach + j - k] + padded[reach + j + k])


@_compiled
def render_views(images: np.ndarray, box: np.ndarray, flip: np.ndarray, order: np.ndarray, factor: np.ndarray,
                 gray: np.ndarray, blur: np.ndarray, mean: np.ndarray, std: np.ndarray, out: np.ndarray) -> None:
    """Views of uint8 [B, H, W, 3] into float32 out [B, size, size, 3]; the other arrays as in ViewParameters."""
    size = out.shape[1]
    square = np.empty((3, size, size), np.float32)
    planes = square.reshape(3, size * size)
    luma = np.empty(size * size, np.float32)
    spare = np.empty((3, size, size), np.float32)
    for n in range(len(images)):
        _crop(images[n], box[n], flip[n], square)
        for operation in order[n]:
            f = np.float32(factor[n, operation])
            if f == NEUTRAL[operation]:
                continue
            if operation == HUE:
                _shift_hue(planes, f)
                continue
            if operation == BRIGHTNESS:
                luma[:] = 0
            else:
                _gray(planes, luma)
            if operation == CONTRAST:
                luma[:] = luma.mean()
            _blend(planes, luma, f)
        if gray[n]:
            _gray(planes, luma)
            planes[:] = luma
        if blur[n] > 0:
            _blur(square[:1] if gray[n] else square, blur[n], spare)
            if gray[n]:
                planes[1:] = planes[0]
        for c in range(3):
            scale = np.float32(1) / std[c]
            for x in range(size):
                for y in range(size):
                    out[n, y, x, c] = (square[c, x, y] - mean[c]) * scale
