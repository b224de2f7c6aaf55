"""InfoNCE against its definition in float64, its gradient, its memory, and its limit for many negatives."""

import math

import pytest
import torch

from losses import info_nce
from losses.align_uniform import align_loss, uniform_loss
from losses.info_nce import info_nce_loss


def definition(x, y, powers, tau, align_w, self_pairs, decoupled):
    """Pair by pair, as the docstring says."""
    def d(a, b):
        return sum(-u * v if p == 0 else abs(u - v) ** p for u, v, p in zip(a, b, powers, strict=True)) / tau

    align, uniform, count = 0.0, 0.0, len(x)
    for i in range(count):
        others = [math.exp(-d(x[i], x[k])) for k in range(count) if self_pairs or k != i]
        near = d(x[i], y[i])
        align += near / count
        crowd = sum(others) / len(others) if decoupled else math.exp(-near) + sum(others)
        uniform += math.log(crowd) / count
    return align_w * align + uniform, align, uniform


@pytest.fixture(params=[1 << 18, 30], ids=["whole", "parts"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(info_nce, "CHUNK", request.param)


@pytest.mark.parametrize("powers", [0.0, 1.0, 1.5, 2.0, 3.0, (1.0, 2.0, 0.0, 3.0)])
@pytest.mark.parametrize(("self_pairs", "decoupled"), [(False, False), (True, False), (False, True), (True, True)])
def test_is_its_definition(powers, self_pairs, decoupled, chunk):
    rng = torch.Generator().manual_seed(0)
    x, y = torch.rand(11, 4, generator=rng).double(), torch.rand(11, 4, generator=rng).double()
    each = powers if isinstance(powers, tuple) else (powers,) * 4
    expected = definition(x.tolist(), y.tolist(), each, 0.7, 0.3, self_pairs, decoupled)
    found = info_nce_loss(x, y, powers, 0.7, 0.3, self_pairs, decoupled)
    assert [value.item() for value in found] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("powers", [0.0, 1.0, 1.5, 2.0, 3.0, (1.0, 2.0, 0.0, 3.0)])
@pytest.mark.parametrize("decoupled", [False, True])
def test_gradient(powers, decoupled, chunk):
    rng = torch.Generator().manual_seed(1)
    x, y = (torch.rand(7, 4, generator=rng).double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, y: info_nce_loss(x, y, powers, 0.5, 0.8, False, decoupled)[0], (x, y))


def test_coincident_rows_have_a_finite_gradient():
    for p in (0.0, 1.0, 1.5, 2.0, 3.0):
        x = torch.zeros(5, 3, requires_grad=True)
        info_nce_loss(x, x.detach().clone(), p)[0].backward()
        assert torch.isfinite(x.grad).all()


def test_dot_product_tends_to_alignment_and_uniformity():
    """On the sphere -a·b = |a - b|²/2 - 1, so that with temperature tau the limit of the decoupled form, and of the
    whole loss less log N, is alignment / (2 tau) and uniformity with t = 1 / (2 tau), up to mean and logarithm: all
    rows of a uniform cloud are crowded alike."""
    gaps = []
    for count in (256, 4096):
        rng = torch.Generator().manual_seed(2)
        x = torch.nn.functional.normalize(torch.randn(count, 3, generator=rng).double(), dim=1)
        y = torch.nn.functional.normalize(x + 0.1 * torch.randn(count, 3, generator=rng), dim=1)
        ours, align, _ = info_nce_loss(x, y, 0.0, 0.5)
        limit = align_loss(x, y) + uniform_loss(x, t=1.0)
        assert align.item() + 2 == pytest.approx(align_loss(x, y).item(), rel=1e-9)
        assert info_nce_loss(x, y, 0.0, 0.5, decoupled=True)[0].item() == pytest.approx(limit.item(), abs=0.05)
        gaps.append(abs(ours.item() - math.log(count) - limit.item()))
    assert gaps[1] < gaps[0] / 4 and gaps[1] < 0.003  # the positive's share falls as 1 / N


def test_half_precision_is_computed_in_float32():
    x = torch.rand(6, 4).bfloat16()
    assert info_nce_loss(x, x, 1.0)[0].dtype == torch.float32


def test_what_cannot_be(chunk):
    with pytest.raises(ValueError, match="no negatives"):
        info_nce_loss(torch.rand(1, 2), torch.rand(1, 2))
    with pytest.raises(ValueError, match="at least 1"):
        info_nce_loss(torch.rand(3, 2), torch.rand(3, 2), 0.5)


def test_memory_does_not_grow_with_the_square(monkeypatch):
    """No tensor of the computation holds more than CHUNK numbers or one for each coordinate."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, (tuple, list)) else (result,):
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.numel())
            return result

    monkeypatch.setattr(info_nce, "CHUNK", 4096)
    with Watch():
        x = torch.rand(512, 4, requires_grad=True)
        info_nce_loss(x, torch.rand(512, 4), 3.0)[0].backward()
    assert largest <= 4096
