import math

import pytest
import torch
from torch import Tensor

from losses.distillation import LOSSES, cosine_distance, distillation_loss
from losses.nt_xent import nt_xent_loss

from .test_align_uniform import sphere, value_and_gradient

N, TAU = 6, 0.3


def slow(kind: str, s: Tensor, t: Tensor) -> Tensor:
    """The definitions, image by image."""
    if kind == "mse":
        return sum((s[i, k] - t[i, k]) ** 2 for i in range(N) for k in range(s.shape[1])) / s.numel()
    s, t = (x / x.norm(dim=1, keepdim=True) for x in (s, t))
    terms = []

    def e(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b / TAU).exp()

    for i in range(N):
        across = sum(e(s[i], t[j]) for j in range(N))
        within = sum(e(s[i], s[j]) for j in range(N) if j != i)
        back = sum(e(t[i], s[j]) for j in range(N))
        sums = {"st": [across], "ss": [within], "both": [within + across], "clip": [across, back],
                "nt-xent": [within + across, back + sum(e(t[i], t[j]) for j in range(N) if j != i)]}[kind]
        terms.append(sum(-(e(s[i], t[i]) / total).log() for total in sums) / len(sums))
    return torch.stack(terms).mean()


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_are_their_definitions(kind):
    s, t = 2 * sphere(N), 3 * sphere(N, seed=1)
    torch.testing.assert_close(value_and_gradient(lambda a, b: distillation_loss(a, b, kind, TAU), s, t),
                               value_and_gradient(lambda a, b: slow(kind, a, b), s, t))


def test_known_values():
    point, s = torch.ones(8, 4), sphere(8)
    assert distillation_loss(point, point).item() == pytest.approx(math.log(8))
    assert distillation_loss(s, s, "mse").item() == 0
    torch.testing.assert_close(distillation_loss(s, s, "nt-xent", 0.5), nt_xent_loss(s, s, 0.5))
    assert cosine_distance(s, 2 * s).item() == pytest.approx(0, abs=1e-6)
    assert cosine_distance(s, -s).item() == pytest.approx(2)


def test_maps_are_compared_position_by_position():
    a, b = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    flat = [x.permute(0, 2, 3, 1).reshape(-1, 5) for x in (a, b)]
    torch.testing.assert_close(cosine_distance(a, b), cosine_distance(*flat))


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no loss called 'simclr'"):
        distillation_loss(sphere(4), sphere(4), "simclr")
