"""Both views through the encoder, with BatchNorm statistics as two GPUs under DataParallel compute them."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from training.distributed import Processes


@contextlib.contextmanager
def running_statistics_frozen(model: nn.Module) -> Iterator[None]:
    """Inside the block BatchNorm normalises by the batch as ever, but leaves its running statistics alone."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


class PairEncoder(nn.Module):
    """`embed_pair` as a module: one forward a step, which is what DistributedDataParallel expects."""

    def __init__(self, encoder: nn.Module, batch_norm: str):
        super().__init__()
        self.encoder, self.batch_norm = encoder, batch_norm

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return embed_pair(self.encoder, x, y, self.batch_norm)


def embed_pair(encoder: nn.Module, x: Tensor, y: Tensor, batch_norm: str = "per-view") -> tuple[Tensor, Tensor]:
    """Embeddings of two views, [N, D] each, from [N, 3, H, W] each.

    'per-view': every BatchNorm normalises one view at a time, and running statistics come from view x. That is what
    DataParallel does on two GPUs when it scatters cat([x, y]): one view a GPU, and the buffers of GPU 0 survive. On one
    device it takes one forward per view. 'joint': one forward, both views in each BatchNorm.
    """
    if isinstance(encoder, nn.DataParallel) or batch_norm == "joint":
        zx, zy = encoder(torch.cat([x, y])).chunk(2)
        return zx, zy
    zx = encoder(x)
    with running_statistics_frozen(encoder):
        return zx, encoder(y)


def pair_model(encoder: nn.Module, batch_norm: str, device: torch.device, gpus: Sequence[int], compiled: bool,
               processes: Processes) -> tuple[nn.Module, nn.Module]:
    """`encoder` on `device`, ready to train, and its PairEncoder, within DataParallel on two GPUs and within
    DistributedDataParallel in several processes."""
    encoder = encoder.to(device, memory_format=torch.channels_last).train()
    if processes.count > 1 and device.type == "cuda":  # torch has none for CPUs, which normalise their own share
        encoder = nn.SyncBatchNorm.convert_sync_batchnorm(encoder)
    parallel = nn.DataParallel(encoder, list(gpus)) if len(gpus) == 2 else encoder
    if compiled:
        parallel = torch.compile(parallel, dynamic=False)
    model: nn.Module = PairEncoder(parallel, batch_norm)
    return encoder, nn.parallel.DistributedDataParallel(model) if processes.count > 1 else model
