"""Repairing corrupted images instead of training on them: what a student is compared with."""

from collections.abc import Callable

from torch import Tensor

RESTORATIONS = ("nl-means", "deep-decoder")


def restoration(name: str | None) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The function (images float [B, 3, H, W], masked pixels bool [B, 1, H, W]) -> images of one of RESTORATIONS,
    None for None. Raises UserError if a package that it needs is missing."""
    if name == "nl-means":
        from train_distillation.restoration.nl_means import nl_means

        return nl_means
    if name == "deep-decoder":
        from train_distillation.restoration.deep_decoder import inpaint

        return inpaint
    return None
