"""The viewmaker against its plain form, its budget, and its DCT against SciPy's."""

import numpy as np
import pytest
import scipy.fft
import torch

from models.viewmaker import Viewmaker, check_side, dct_matrix, spread_budget
from tests.files import user_error

from .plain_viewmaker import plain_copy


def inputs(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def noise_of(network: Viewmaker, x: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return torch.rand(len(x), network.noise_size(*x.shape[2:]), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("options", "count"), [
    ({}, 1_120_131), ({"blocks": 5}, 1_754_907), ({"channels": 1}, 1_120_131 - 2 * 2592 - 2 * 2592 - 2),
    ({"channels": 52}, 1_120_131 + 49 * (2 * 2592 + 1))])
def test_published_numbers_of_parameters(options, count):
    """A channel more or less is 9·9·32 weights on both ends and a bias."""
    assert sum(p.numel() for p in Viewmaker(**options).parameters()) == count


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(("channels", "blocks", "sides"), [(3, 3, (16, 16)), (1, 1, (8, 20))])
def test_it_is_the_plain_network(channels, blocks, sides, fresh):
    ours = Viewmaker(channels, blocks=blocks).initialize(3)
    with torch.no_grad():
        for p in ours.parameters() if fresh else ():  # norms that are not at identity, say
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    x = inputs(2, channels, *sides)
    noise = noise_of(ours, x)
    whole, quarter = sides[0] * sides[1], sides[0] * sides[1] // 16
    parts = [part.view(2, 1, *shape) for part, shape in
             zip(noise.split([whole, *[quarter] * blocks], 1),
                 [sides, *[(sides[0] // 4, sides[1] // 4)] * blocks], strict=True)]
    plain = plain_copy(ours, channels)
    a, b = ours.to(memory_format=torch.channels_last)(x, noise), plain(x, parts)
    torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-4)
    direction = torch.randn(a.shape, generator=torch.Generator().manual_seed(2))
    (a * direction).sum().backward(), (b * direction).sum().backward()
    for mine, theirs in ((ours.up[0].conv, plain.up[0][1]), (ours.down[0][0], plain.down[0][1])):
        torch.testing.assert_close(mine.weight.grad, theirs.weight.grad, rtol=2e-2, atol=1e-3)


def test_initial_weights_are_a_function_of_the_seed():
    networks = [Viewmaker(width=0.1).initialize(seed) for seed in (0, 0, 1)]
    weights = [torch.cat([p.flatten() for p in network.parameters()]) for network in networks]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("budget", [0.05, 3.0])
def test_the_whole_budget_is_spent_on_each_input(budget, spectral):
    ours = Viewmaker(2, budget, width=0.1, blocks=2, spectral=spectral).initialize(0)
    x = inputs(3, 2, 12, 16)
    delta = ours(x, noise_of(ours, x)).detach()
    spent = scipy.fft.dctn(delta.numpy(), norm="ortho", axes=(2, 3)) if spectral else delta.numpy()
    np.testing.assert_allclose(np.abs(spent).mean((1, 2, 3)), budget, rtol=0.02)  # 0.0001 beside the mean of |tanh|
    other = ours(x, noise_of(ours, x, seed=9)).detach()
    assert ((delta - other).abs().mean((1, 2, 3)) > 0.05 * budget).all()  # noise matters
    assert ((delta[0] - ours(x[[1, 1, 1]], noise_of(ours, x))[0]).abs().mean() > 0.01 * budget)  # and so do inputs


def test_budget_of_extreme_outputs():
    outputs = torch.stack([torch.full((2, 4, 4), 1e4), torch.zeros(2, 4, 4)])
    outputs[0, 0] *= -1
    spent = spread_budget(outputs, 0.5)
    assert torch.allclose(spent[0].abs(), torch.tensor(0.5), rtol=2e-4) and (spent[1] == 0).all()
    assert spread_budget(outputs.bfloat16(), 0.5).dtype == torch.float32


@pytest.mark.parametrize("size", [8, 12, 32])
def test_dct_is_orthonormal_and_scipys(size):
    matrix = dct_matrix(size)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(size), atol=1e-6, rtol=0)
    x = inputs(1, 1, size, size)[0, 0]
    np.testing.assert_allclose(matrix @ x @ matrix.T, scipy.fft.dctn(x.numpy(), norm="ortho"), atol=2e-5)
    torch.testing.assert_close(matrix.T @ (matrix @ x @ matrix.T) @ matrix, x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("spectral", [False, True])
def test_under_autocast_perturbations_and_the_dct_stay_float32(spectral):
    ours = Viewmaker(1, 0.05, width=0.1, blocks=1, spectral=spectral).initialize(0)
    x, seen = inputs(1, 1, 8, 12), []
    ours.down.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0][:, :1]))
    with torch.autocast("cpu", torch.bfloat16):
        delta = ours(x, noise_of(ours, x)).detach()
    assert delta.dtype == torch.float32
    if spectral:
        np.testing.assert_allclose(seen[0], scipy.fft.dctn(x.numpy(), norm="ortho", axes=(2, 3)), atol=1e-5)
    spent = scipy.fft.dctn(delta.numpy(), norm="ortho", axes=(2, 3)) if spectral else delta.numpy()
    assert np.abs(spent).mean() == pytest.approx(0.05, rel=2e-3)


def test_bad_values_are_one_line():
    for side in (0, 4, 30, 33):
        user_error(f"divisible by 4, not {side}", check_side, side)
    user_error("divisible by 4, not 18", Viewmaker().noise_size, 16, 18)
    for budget in (0.0, -1.0, float("nan"), float("inf")):
        user_error("budget must be above 0", Viewmaker, 3, budget)
    user_error("width must lie between", Viewmaker, width=0.0)
    with pytest.raises(ValueError, match="do not go with noise"):
        Viewmaker()(inputs(2, 3, 16, 16), torch.rand(2, 5))
