import math

import pytest
import torch
from torch import Tensor

from losses import align_uniform
from losses.align_uniform import align_loss, align_uniform_loss, uniform_loss


def slow_align(x: Tensor, y: Tensor, alpha: float) -> Tensor:
    return torch.stack([(a - b).norm() ** alpha for a, b in zip(x, y, strict=True)]).mean()


def slow_uniform(x: Tensor, t: float) -> Tensor:
    """The definition in the paper, one pair at a time counted once."""
    return torch.pdist(x).pow(2).mul(-t).exp().mean().log()


def sphere(count: int, dim: int = 16, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    x = torch.randn(count, dim, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return (x / x.norm(dim=1, keepdim=True)).requires_grad_()


def value_and_gradient(loss, *inputs: Tensor) -> tuple[Tensor, ...]:
    value = loss(*inputs)
    return value.detach(), *torch.autograd.grad(value, inputs)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 2.0, 4.0])
def test_align_is_its_definition(alpha):
    x, y = sphere(9), sphere(9, seed=1)
    torch.testing.assert_close(value_and_gradient(lambda *v: align_loss(*v, alpha), x, y),
                               value_and_gradient(lambda *v: slow_align(*v, alpha), x, y))
    assert torch.autograd.gradcheck(lambda *v: align_loss(*v, alpha), (x, y))


@pytest.mark.parametrize("t", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("count", [2, 3, 40])
def test_uniform_is_its_definition(t, count):
    x = sphere(count).detach()

    def on_sphere(loss):  # the gradient along the sphere: off it the two write the distance differently
        free = (2 * x).requires_grad_()
        return value_and_gradient(lambda free: loss(free / free.norm(dim=1, keepdim=True)), free)

    torch.testing.assert_close(on_sphere(lambda x: uniform_loss(x, t)), on_sphere(lambda x: slow_uniform(x, t)))
    assert torch.autograd.gradcheck(lambda x: uniform_loss(x, t), sphere(count))


def test_weights_and_terms():
    x, y = sphere(8), sphere(8, seed=1)
    loss, align, uniform = align_uniform_loss(x, y, 0.7, 1.3, 1.5, 3.0)
    torch.testing.assert_close(align, slow_align(x, y, 1.5))
    torch.testing.assert_close(uniform, (slow_uniform(x, 3.0) + slow_uniform(y, 3.0)) / 2)
    torch.testing.assert_close(loss, 0.7 * align + 1.3 * uniform)


def test_range():
    point = torch.eye(4)[:1].repeat(6, 1)
    assert align_loss(point, point) == 0 and align_loss(point, -point, alpha=3.0) == 2**3
    assert uniform_loss(point, t=3.0).abs() < 1e-6
    assert uniform_loss(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), t=3.0) == -12
    even = uniform_loss(sphere(2000, 128, dtype=torch.float32))
    assert -4.01 < even < -3.9  # many dimensions: nearly every pair is at a right angle


def test_the_gradient_at_perfect_alignment_is_zero_not_nan():
    x = sphere(5)
    for alpha in (0.5, 1.0, 2.0, 3.0):
        gradient, = torch.autograd.grad(align_loss(x, x.detach(), alpha), x)
        assert torch.equal(gradient, torch.zeros_like(x))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows(count):
    with pytest.raises(ValueError, match=f"a batch of {count} has none"):
        uniform_loss(torch.ones(count, 4))


def test_the_large_batches_that_pdist_cannot_do():
    x = sphere(3000, 8, dtype=torch.float32)
    value, gradient = value_and_gradient(uniform_loss, x)
    assert math.isfinite(value) and torch.isfinite(gradient).all()
    torch.testing.assert_close(value, slow_uniform(x.detach().double(), 2.0).float())


@pytest.mark.parametrize("count", [5, 8, 13])
def test_parts_are_the_whole(count, monkeypatch):
    """Values and gradients, in float64, of batches above the size that is computed at once."""
    x = sphere(count)
    whole = value_and_gradient(uniform_loss, x)
    monkeypatch.setattr(align_uniform, "ROWS_AT_ONCE", 4)
    torch.testing.assert_close(value_and_gradient(uniform_loss, x), whole, rtol=1e-12, atol=1e-12)
