"""What is random in a view: drawn for a batch at once, as a function of (seed, epoch, image, view).

The distributions are those of torchvision's RandomResizedCrop(64, scale=(0.08, 1)), RandomHorizontalFlip,
ColorJitter(0.4, 0.4, 0.4, 0.4) and RandomGrayscale(0.2): the paper's augmentation (Wang & Isola 2020).
"""

from dataclasses import dataclass

import numpy as np

from utils.seeding import stable_key, uniforms

SCALE = (0.08, 1.0)  # crop area as a share of the image
RATIO = (3 / 4, 4 / 3)  # crop width / height, log-uniform
JITTER = 0.4  # brightness, contrast and saturation factors in 1 ± JITTER, hue shift in ± JITTER turns
GRAYSCALE = 0.2  # probability
ATTEMPTS = 10  # crops tried before the largest centred one that satisfies RATIO is taken

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


@dataclass(frozen=True)
class ViewParameters:
    """One row per view, B rows."""

    box: np.ndarray  # int64 [B, 4]: top, left, height, width of the crop in pixels
    flip: np.ndarray  # bool [B]
    order: np.ndarray  # int64 [B, 4]: order in which the four colour operations are applied
    factor: np.ndarray  # float64 [B, 4]: brightness, contrast, saturation factors and hue shift
    gray: np.ndarray  # bool [B]


def draw_parameters(seed: int, epoch: int, view: int, indices: np.ndarray, height: int, width: int) -> ViewParameters:
    """Parameters of view `view` (0 or 1) in `epoch` for the images `indices`, whose size is height × width pixels."""
    # 2 numbers for each attempted crop, then 2 for its place, 1 flip, 4 order, 4 factors, 1 grayscale
    u = uniforms(stable_key("views", seed, epoch, view), np.asarray(indices), 2 * ATTEMPTS + 12)
    shape, place, flip, order, factor, gray = np.split(u, np.cumsum([2 * ATTEMPTS, 2, 1, 4, 4]), axis=1)
    jitter = 1 + JITTER * (2 * factor - 1)
    jitter[:, HUE] -= 1
    return ViewParameters(
        box=crop_boxes(shape.reshape(-1, ATTEMPTS, 2), place, height, width),
        flip=flip[:, 0] < 0.5,
        order=np.argsort(order, axis=1),
        factor=jitter,
        gray=gray[:, 0] < GRAYSCALE,
    )


def crop_boxes(shape: np.ndarray, place: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes of RandomResizedCrop: the first attempt that fits, else the largest centred box within RATIO.

    shape: float [B, ATTEMPTS, 2], place: float [B, 2], all uniform in [0, 1). Returns int64 [B, 4].
    """
    area = height * width * (SCALE[0] + (SCALE[1] - SCALE[0]) * shape[:, :, 0])
    low, high = np.log(RATIO)
    ratio = np.exp(low + (high - low) * shape[:, :, 1])
    w, h = np.rint(np.sqrt(area * ratio)).astype(int), np.rint(np.sqrt(area / ratio)).astype(int)
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first, rows = fits.argmax(axis=1), np.arange(len(shape))
    h, w = h[rows, first], w[rows, first]
    top = (place[:, 0] * (height - h + 1)).astype(int)
    left = (place[:, 1] * (width - w + 1)).astype(int)

    none = ~fits.any(axis=1)
    h0 = min(height, round(width / RATIO[0]))
    w0 = min(width, round(height * RATIO[1]))
    box = np.stack([top, left, h, w], axis=1)
    box[none] = (height - h0) // 2, (width - w0) // 2, h0, w0
    return box
