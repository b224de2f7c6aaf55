"""What is random in a view: drawn for a batch at once, as a function of (seed, epoch, image, view).

The distributions are those of torchvision's RandomResizedCrop, RandomHorizontalFlip, ColorJitter (applied or not),
RandomGrayscale and GaussianBlur (applied or not), with the numbers of a `Recipe`.
"""

from dataclasses import dataclass

import numpy as np

from utils.seeding import stable_key, uniforms

RATIO = (3 / 4, 4 / 3)  # crop width / height, log-uniform
ATTEMPTS = 10  # crops tried before the largest centred one that satisfies RATIO is taken

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
NEUTRAL = (1.0, 1.0, 1.0, 0.0)  # factors that change nothing


@dataclass(frozen=True)
class Recipe:
    """The numbers of an augmentation."""

    scale: tuple[float, float]  # crop area as a share of the image
    jitter: tuple[float, float, float, float]  # brightness, contrast, saturation factors in 1 ±, hue shift in ± turns
    jittered: float = 1.0  # probability that colours are jittered
    grayscale: float = 0.2  # probability
    blurred: float = 0.0  # probability
    blur: tuple[float, float] = (0.1, 2.0)  # standard deviation in pixels of the view, uniform


PAPER = Recipe((0.08, 1.0), (0.4, 0.4, 0.4, 0.4))  # at small scale; Wang & Isola 2020
MOCO_V2 = Recipe((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), jittered=0.8, blurred=0.5)  # Chen et al. 2020, "Improved baselines"


@dataclass(frozen=True)
class ViewParameters:
    """One row per view, B rows."""

    box: np.ndarray  # int64 [B, 4]: top, left, height, width of the crop in pixels
    flip: np.ndarray  # bool [B]
    order: np.ndarray  # int64 [B, 4]: order in which the four colour operations are applied
    factor: np.ndarray  # float64 [B, 4]: brightness, contrast, saturation factors and hue shift
    gray: np.ndarray  # bool [B]
    blur: np.ndarray  # float64 [B]: standard deviation in pixels of the view, 0 for none


def draw_parameters(seed: int, epoch: int, view: int, indices: np.ndarray, height: int, width: int,
                    recipe: Recipe = PAPER) -> ViewParameters:
    """Parameters of view `view` (0 or 1) in `epoch` for the images `indices`, whose size is height × width pixels."""
    # 2 numbers for each attempted crop, then 2 for its place, 1 flip, 4 order, 4 factors, 1 grayscale
    u = uniforms(stable_key("views", seed, epoch, view), np.asarray(indices), 2 * ATTEMPTS + 12)
    shape, place, flip, order, factor, gray = np.split(u, np.cumsum([2 * ATTEMPTS, 2, 1, 4, 4]), axis=1)
    jitter = 1 + np.array(recipe.jitter) * (2 * factor - 1)
    jitter[:, HUE] -= 1
    # Apart from those above, whose numbers depend on how many there are.
    jittered, blurred, blur = uniforms(stable_key("chances of views", seed, epoch, view), np.asarray(indices), 3).T
    jitter[jittered >= recipe.jittered] = NEUTRAL
    low, high = recipe.blur
    return ViewParameters(
        box=crop_boxes(shape.reshape(-1, ATTEMPTS, 2), place, height, width, recipe.scale),
        flip=flip[:, 0] < 0.5,
        order=np.argsort(order, axis=1),
        factor=jitter,
        gray=gray[:, 0] < recipe.grayscale,
        blur=np.where(blurred < recipe.blurred, low + (high - low) * blur, 0.0),
    )


def crop_boxes(shape: np.ndarray, place: np.ndarray, height: int, width: int, scale: tuple[float, float]) -> np.ndarray:
    """Boxes of RandomResizedCrop: the first attempt that fits, else the largest centred box within RATIO.

    shape: float [B, ATTEMPTS, 2], place: float [B, 2], all uniform in [0, 1). Returns int64 [B, 4].
    """
    area = height * width * (scale[0] + (scale[1] - scale[0]) * shape[:, :, 0])
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
