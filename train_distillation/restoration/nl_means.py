"""Non-local means (Buades et al. 2005), with the noise estimated on the image: scikit-image's, which is optional.

    pip install scikit-image PyWavelets
"""

import numpy as np
import torch
from torch import Tensor

from utils.cli import UserError

try:
    import pywt  # noqa: F401 (of estimate_sigma)
    from skimage.restoration import denoise_nl_means, estimate_sigma
except ImportError:
    raise UserError("--restore nl-means needs two packages: pip install scikit-image PyWavelets") from None


def nl_means(x: Tensor, masked: Tensor) -> Tensor:
    """Denoised images, float [B, 3, H, W], about in [0, 1], the same to the same. Fast mode, patches of 5 pixels within
    6, strength 0.8 of the estimated sigma. `masked` is not used."""
    out = []
    for image in x.permute(0, 2, 3, 1).cpu().double().numpy():
        sigma = float(np.mean(estimate_sigma(image, channel_axis=-1)))
        out.append(denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, fast_mode=True,
                                    channel_axis=-1))
    return torch.from_numpy(np.stack(out)).to(x).permute(0, 3, 1, 2)
