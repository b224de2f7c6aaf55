import math

import pytest
import torch
from torch import Tensor

from losses.nt_xent import nt_xent_loss

from .test_align_uniform import sphere, value_and_gradient


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_its_definition(temperature):
    x, y = sphere(7), sphere(7, seed=1)

    def slow(x: Tensor, y: Tensor) -> Tensor:
        views, terms = torch.cat([x, y]), []
        for i in range(14):
            similar = [(views[i] @ views[k] / temperature).exp() for k in range(14)]
            terms.append(-(similar[(i + 7) % 14] / (sum(similar) - similar[i])).log())
        return torch.stack(terms).mean()

    torch.testing.assert_close(value_and_gradient(lambda *v: nt_xent_loss(*v, temperature), x, y),
                               value_and_gradient(slow, x, y))
    point = torch.eye(4)[:1].repeat(6, 1)
    assert nt_xent_loss(point, point).item() == pytest.approx(math.log(11))
