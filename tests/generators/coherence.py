"""How much one direction prevails in an image."""

import numpy as np

MARGIN = 8  # pixels left out on each side: zero padding draws lines along the edges of a StyleGAN's images


def coherence(image: np.ndarray) -> float:
    """(l1 - l2) / (l1 + l2) of the eigenvalues of the structure tensor of a grey image [H, W], summed over all but its
    margin: 0 if its gradients have no direction in common, 1 if all are parallel."""
    across, down = np.gradient(image, axis=(1, 0))
    inside = slice(MARGIN, -MARGIN)
    across, down = across[inside, inside], down[inside, inside]
    xx, yy, xy = (across**2).sum(), (down**2).sum(), (across * down).sum()
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy))
