import copy

import pytest
import torch
from torch import Tensor, nn

from losses.align_uniform import align_uniform_loss
from models import SmallAlexNet
from training.embed import embed_pair, running_statistics_frozen


@pytest.fixture
def encoder() -> SmallAlexNet:
    return SmallAlexNet(1 / 32).initialize(0).train()


@pytest.fixture
def views() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)  # of different brightness, so that the statistics differ
    return (torch.randn(6, 3, 64, 64, generator=generator), 0.5 + 2 * torch.randn(6, 3, 64, 64, generator=generator))


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in module.named_parameters()}


def buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.named_buffers()}


def two_replicas(encoder: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, dict, dict]:
    """What DataParallel does on two GPUs with cat([x, y]): a copy and a view each, one loss, gradients summed, and the
    buffers of the first copy kept."""
    first, second = copy.deepcopy(encoder), copy.deepcopy(encoder)
    zx, zy = first(x), second(y)
    align_uniform_loss(zx, zy)[0].backward()
    second_gradients = gradients(second)
    return zx, zy, {n: g + second_gradients[n] for n, g in gradients(first).items()}, buffers(first)


def one_device(encoder: nn.Module, x: Tensor, y: Tensor, batch_norm: str) -> tuple[Tensor, Tensor, dict, dict]:
    encoder = copy.deepcopy(encoder)
    zx, zy = embed_pair(encoder, x, y, batch_norm)
    align_uniform_loss(zx, zy)[0].backward()
    return zx, zy, gradients(encoder), buffers(encoder)


def test_per_view_is_data_parallel_on_two_devices(encoder, views):
    zx, zy, grads, kept = one_device(encoder, *views, "per-view")
    zx2, zy2, grads2, kept2 = two_replicas(encoder, *views)
    assert torch.equal(zx, zx2) and torch.equal(zy, zy2)
    assert kept.keys() == kept2.keys() and all(torch.equal(value, kept2[name]) for name, value in kept.items())
    assert kept["blocks.0.1.num_batches_tracked"] == 1
    for name, gradient in grads.items():
        torch.testing.assert_close(gradient, grads2[name], rtol=1e-4, atol=1e-7)


def test_joint_is_one_batch_and_differs(encoder, views):
    zx, zy, _, kept = one_device(encoder, *views, "joint")
    joint = copy.deepcopy(encoder)
    assert torch.equal(torch.cat([zx, zy]), joint(torch.cat(views)))
    assert all(torch.equal(value, kept[name]) for name, value in joint.named_buffers())
    other = one_device(encoder, *views, "per-view")
    assert (zx - other[0]).abs().max() > 0.01
    assert not torch.equal(kept["blocks.0.1.running_var"], other[3]["blocks.0.1.running_var"])


def test_frozen_statistics_thaw_also_after_an_exception(encoder, views):
    before = buffers(encoder)
    with pytest.raises(ZeroDivisionError), running_statistics_frozen(encoder):
        encoder(views[0])
        raise ZeroDivisionError
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
    encoder(views[0])
    assert encoder.blocks[0][1].num_batches_tracked == 1
    assert not torch.equal(encoder.blocks[0][1].running_mean, before["blocks.0.1.running_mean"])


def assert_same(a: tuple, b: tuple) -> None:
    """Embeddings, gradients and buffers agree, as far as float32 kernels of two kinds do."""
    for mine, theirs in zip(a[:2], b[:2], strict=True):
        torch.testing.assert_close(mine.cpu(), theirs.cpu(), rtol=1e-3, atol=1e-4)
    for mine, theirs in zip(a[2:], b[2:], strict=True):
        for name, value in mine.items():
            scale = value.abs().max().clamp(min=1e-3).item()
            torch.testing.assert_close(value.cpu(), theirs[name].cpu(), rtol=1e-2, atol=1e-3 * scale)


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu(encoder, views):
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        on_gpu = one_device(encoder.cuda(), *(view.cuda() for view in views), "per-view")
    assert_same(one_device(encoder.cpu(), *views, "per-view"), on_gpu)


@pytest.mark.gpu2
def test_per_view_is_the_real_data_parallel(encoder, views):
    x, y = (view.cuda() for view in views)
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        ours = one_device(encoder.cuda(), x, y, "per-view")
        parallel = nn.DataParallel(copy.deepcopy(encoder), [0, 1])
        zx, zy = embed_pair(parallel, x, y)
        align_uniform_loss(zx, zy)[0].backward()
    assert_same(ours, (zx, zy, gradients(parallel.module), buffers(parallel.module)))
