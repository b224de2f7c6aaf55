"""Repairing corrupted images instead of training on them: what a student is compared with.

    nl-means            non-local means, for noise
    deep-decoder        inpainting by 5,000 iterations for each image, as published: minutes an image on a CPU
    deep-decoder:200    or by so many
"""

import functools
from collections.abc import Callable

from torch import Tensor

from utils.cli import UserError


def restoration(name: str | None) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The function (images float [B, 3, H, W], masked pixels bool [B, 1, H, W]) -> images called `name`, None for None.
    Raises UserError for another name, and if a package that it needs is missing."""
    if name is None:
        return None
    kind, colon, iterations = name.partition(":")
    if name == "nl-means":
        from train_distillation.restoration.nl_means import nl_means

        return nl_means
    if kind == "deep-decoder" and (not colon or (iterations.isdecimal() and int(iterations) > 0)):
        from train_distillation.restoration.deep_decoder import ITERATIONS, inpaint

        return functools.partial(inpaint, iterations=int(iterations or ITERATIONS))
    raise UserError(f"nothing called {name} repairs images; choose nl-means, deep-decoder or deep-decoder:ITERATIONS")
