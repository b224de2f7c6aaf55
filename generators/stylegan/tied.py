"""StyleGAN networks whose filters are tied over output channels, without their channels: the same images, far cheaper.

The weights of a convolution are W[o, i] = a_o f_k(i): the filter depends on the input channel alone. Demodulation
divides output channel o by |a_o| times something common, so that all channels are +S or -S for a single map S. With
noise n and biases b_o, a channel is sqrt(2) relu(U + b_o) or sqrt(2) relu(V + b_o), U = S + n and V = -S + n. The next
convolution (tap by tap) and ToRGB sum these with coefficients c_o, so all they need of 512 channels at a pixel is

    sum over + of c_o relu(U + b_o)  +  sum over - of c_o relu(V + b_o)

and each sum is a piecewise-linear function of one number, with breakpoints at -b_o: find the piece, one product, one
sum. `tests/generators/stylegan/test_tied.py` shows in float64 that this is a dense network.
The two differ by StyleGAN2's epsilon: it adds 1e-8 to the squared norm of each output filter, here to what is common
to all of them, so a dense channel is smaller than ours by the factor 1 / sqrt(1 + 1e-8 / (a_o |f|)^2).
"""

import numpy as np
from numba import njit

from generators.stylegan.network import Conv, Draw

RGB, TAPS = 3, 12  # functions of a pixel: ToRGB's three come first, then the nine taps of the next convolution ...
WIDTH = 16  # ... and four of nothing, as sixteen make one vector
BUCKETS = 1024  # cells of the table in which the search for a piece begins


@njit(cache=True, nogil=True)
def pieces(coefficients: np.ndarray, bias: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Slope and intercept of sum c_i relu(u + b_i) over the first 0, 1, ... of `channels` (those that are not zero if
    u lies between the breakpoints): [len(channels) + 1, 2, WIDTH]. coefficients: c, [C, WIDTH]."""
    width = coefficients.shape[1]
    table = np.zeros((len(channels) + 1, 2, width), coefficients.dtype)
    for row in range(len(channels)):
        for t in range(width):
            coefficient = coefficients[channels[row], t]
            table[row + 1, 0, t] = table[row, 0, t] + coefficient
            table[row + 1, 1, t] = table[row, 1, t] + coefficient * bias[channels[row]]
    return table


@njit(cache=True, nogil=True)
def bucket(u: float, lowest: float, scale: float) -> int:
    """The bucket of a number. It never falls as u rises, whatever the rounding."""
    return int(min(max((u - lowest) * scale, 0), BUCKETS))


@njit(cache=True, nogil=True)
def index_breakpoints(bias: np.ndarray, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """For `piece_of`: the rising breakpoints and infinity, the number of them below each bucket, buckets per unit."""
    count = len(channels)
    breakpoints = np.full(count + 1, np.inf, bias.dtype)
    breakpoints[:count] = -bias[channels]
    width = breakpoints[count - 1] - breakpoints[0] if count > 1 else bias.dtype.type(0)
    scale = bias.dtype.type(BUCKETS - 1) / max(width, bias.dtype.type(1e-20))  # all breakpoints may be one
    below = np.zeros(BUCKETS + 2, np.int64)
    for i in range(count):
        below[bucket(breakpoints[i], breakpoints[0], scale) + 1] += 1
    return breakpoints, below.cumsum(), scale


@njit(cache=True, nogil=True)
def piece_of(u: float, breakpoints: np.ndarray, below: np.ndarray, scale: float) -> int:
    """How many breakpoints are smaller than u."""
    piece = below[bucket(u, breakpoints[0], scale)]  # those in lower buckets are
    while breakpoints[piece] < u:
        piece += 1
    return piece


@njit(cache=True, nogil=True, fastmath={"contract"})
def respond(s: np.ndarray, noise: np.ndarray, bias: np.ndarray, positive: np.ndarray, negative: np.ndarray,
            coefficients: np.ndarray, first: int, last: int) -> np.ndarray:
    """sum_o c_o relu(+-s + noise + b_o) at each pixel, for columns first..last - 1 of the coefficients c.

    s, noise: [H, W]. bias: [C]. positive, negative: the channels of each sign, by falling bias. coefficients:
    [C, WIDTH]. All of one dtype, float32 or float64, which is that of the result, [last - first, H, W].
    """
    plus, minus = pieces(coefficients, bias, positive), pieces(coefficients, bias, negative)
    plus_at, plus_below, plus_scale = index_breakpoints(bias, positive)
    minus_at, minus_below, minus_scale = index_breakpoints(bias, negative)
    (height, width), functions = s.shape, coefficients.shape[1]  # a constant would be unrolled, and not make vectors
    maps = np.empty((last - first, height, width), s.dtype)
    sums = np.empty((width, functions), s.dtype)  # of one row
    for y in range(height):
        for x in range(width):
            u, v = noise[y, x] + s[y, x], noise[y, x] - s[y, x]
            p, m = piece_of(u, plus_at, plus_below, plus_scale), piece_of(v, minus_at, minus_below, minus_scale)
            for t in range(functions):
                sums[x, t] = plus[p, 0, t] * u + plus[p, 1, t] + minus[m, 0, t] * v + minus[m, 1, t]
        for t in range(first, last):
            for x in range(width):
                maps[t - first, y, x] = sums[x, t]
    return maps


@njit(cache=True, nogil=True)
def correlate(taps: np.ndarray) -> np.ndarray:
    """S(y, x) = sum of taps[3 i + j](y + i - 1, x + j - 1), zeros outside: [H, W] from [9, H, W]."""
    _, height, width = taps.shape
    padded = np.zeros((height + 2, width + 2), taps.dtype)
    for i in range(3):
        for j in range(3):
            padded[2 - i : 2 - i + height, 2 - j : 2 - j + width] += taps[3 * i + j]
    return padded[1:-1, 1:-1].copy()


@njit(cache=True, nogil=True)
def double(taps: np.ndarray) -> np.ndarray:
    """The transposed convolution with stride 2, S(2 y + i, 2 x + j) += taps[3 i + j](y, x), and then the filter
    [1, 3, 3, 1] / 4 both ways: [2 H, 2 W] from [9, H, W]."""
    _, height, width = taps.shape
    spread = np.zeros((2 * height + 3, 2 * width + 3), taps.dtype)  # of size 2 H + 1, in a frame of zeros
    for i in range(3):
        for j in range(3):
            spread[1 + i : 1 + i + 2 * height : 2, 1 + j : 1 + j + 2 * width : 2] += taps[3 * i + j]
    three, quarter = taps.dtype.type(3), taps.dtype.type(0.25)
    rows = (spread[:-3] + three * (spread[1:-2] + spread[2:-1]) + spread[3:]) * quarter
    return (rows[:, :-3] + three * (rows[:, 1:-2] + rows[:, 2:-1]) + rows[:, 3:]) * quarter


@njit(cache=True, nogil=True)
def double_image(image: np.ndarray) -> np.ndarray:
    """[C, 2 H, 2 W] from [C, H, W] by the same filter: each pixel is 9/16, 3/16, 3/16 and 1/16 of the nearest four."""
    channels, height, width = image.shape
    padded = np.zeros((channels, height + 2, width + 2), image.dtype)
    padded[:, 1:-1, 1:-1] = image
    three, quarter = image.dtype.type(3), image.dtype.type(0.25)
    rows = np.empty((channels, 2 * height, width + 2), image.dtype)
    rows[:, ::2] = (padded[:, :-2] + three * padded[:, 1:-1]) * quarter
    rows[:, 1::2] = (padded[:, 2:] + three * padded[:, 1:-1]) * quarter
    result = np.empty((channels, 2 * height, 2 * width), image.dtype)
    result[:, :, ::2] = (rows[:, :, :-2] + three * rows[:, :, 1:-1]) * quarter
    result[:, :, 1::2] = (rows[:, :, 2:] + three * rows[:, :, 1:-1]) * quarter
    return result


def synthesise(constant: np.ndarray, convs: tuple[Conv, ...], draw: Draw, scales: list[np.ndarray],
               rgb_scales: list[np.ndarray], noise: list[np.ndarray], epsilon: float = 1e-8) -> np.ndarray:
    """One image, before its colours are set: [3, resolution, resolution], of the dtype of its arguments.

    scales, rgb_scales: `network.styles` of this image, [inputs] and [outputs]. noise: the map that each
    convolution adds. epsilon: added to the sum of squares in the demodulation.
    """
    rgb = np.zeros((3, 4, 4), constant.dtype)
    # What each input channel gives to the nine taps of each convolution, demodulated.
    taps = []
    for scale, filters in zip(scales, draw.filters, strict=True):
        weights = scale[:, None] * filters.reshape(-1, 9)
        taps.append(weights / np.sqrt(np.square(weights).sum() + epsilon, dtype=weights.dtype))
    responses = np.einsum("it,iyx->tyx", taps[0], constant)
    for layer, conv in enumerate(convs):
        s = double(responses) if conv.up else correlate(responses)
        first, last = RGB, RGB
        coefficients = np.zeros((conv.outputs, WIDTH), s.dtype)
        if conv.to_rgb:
            first = 0
            coefficients[:, :RGB] = (draw.rgb_weights[layer // 2] * rgb_scales[layer // 2]).T
        if layer + 1 < len(convs):
            last = TAPS
            coefficients[:, RGB:TAPS] = taps[layer + 1]
        coefficients *= np.sqrt(2, dtype=s.dtype)
        maps = respond(s, noise[layer], draw.biases[layer].astype(s.dtype), *draw.sign_groups[layer], coefficients,
                       first, last)
        if conv.to_rgb:
            rgb = maps[:RGB] + (double_image(rgb) if layer else rgb)
        responses = maps[RGB - first :]
    return rgb
