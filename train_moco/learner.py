"""Momentum contrast (He et al. 2020, algorithm 1; v2: Chen et al. 2020): each query is told from a queue of keys.

The key encoder moves after the weights and not before the next keys, which is the same, as both begin equal: so nothing
has changed when a step raises.
"""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datasets.views.parameters import MOCO_V2
from models import ResNet50
from models.checkpoint import check_numbers, save_torch
from train_moco import encoders
from train_moco.encoders import InGroups, follow, key_encoder
from train_moco.export import published
from train_moco.options import Options
from training.distributed import ALONE, Processes
from training.images.pairs import Pairs
from training.images.sources import Images
from training.laps import lap
from training.update import Update, read_finite
from utils.cli import UserError
from utils.devices import autocast
from utils.seeding import generator, permutation, stable_key


class Moco:
    """A `training.learner.Learner` of one encoder."""

    shown = ("loss", "top1")

    def __init__(self, options: Options, images: Images, device: torch.device, gpus: Sequence[int] = (),
                 processes: Processes = ALONE):
        self.options, self.device, self.processes = options, device, processes
        self.total_steps = options.total_steps(images.count)
        self.groups = options.groups_here(processes.count)
        view = SimpleNamespace(SIZE=options.size, MEAN=ResNet50.MEAN, STD=ResNet50.STD)
        self.pairs = Pairs(images, options, view, device, processes, recipe=MOCO_V2)
        encoder = encoders.make_encoder(options.seed, options.dim)
        if options.batch_norm == "sync" and processes.count > 1:
            if device.type != "cuda":
                raise UserError("--batch_norm sync of several processes needs a GPU for each: torch has none for CPUs")
            encoder = nn.SyncBatchNorm.convert_sync_batchnorm(encoder)
        self.encoder = encoder.to(device, memory_format=torch.channels_last).train()
        self.key_encoder = key_encoder(self.encoder)
        both = [torch.compile(net, dynamic=False) if options.compile else net
                for net in (self.encoder, self.key_encoder)]
        self.queries, self.keys = (InGroups(net, self.groups) for net in both)
        if processes.count > 1:
            self.queries = nn.parallel.DistributedDataParallel(self.queries)
        self.update = Update(self.encoder.parameters(), options, images.count)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]
        drawn = generator(stable_key("queue", options.seed), 0).standard_normal((options.queue, options.dim), "float32")
        self.queue = F.normalize(torch.from_numpy(drawn)).to(device)  # float32 [queue, dim]
        self.pointer = 0  # where the next keys go

    def step(self, number: int) -> dict[str, Tensor]:
        """One step, from images to new weights and keys. Raises UserError before numbers that are not finite change
        anything."""
        o, processes = self.options, self.processes
        epoch, batch = self.pairs.order.batch(number)
        mine = processes.share(batch)
        pixels = self.pairs.pixels(number)
        # Keys of images in another order, so that no group of keys is that of a group of queries.
        in_order = np.arange(len(batch))
        shuffled = (permutation(stable_key("shuffled keys", o.seed), number, len(batch)) if o.batch_norm == "shuffle"
                    else in_order)
        here = processes.share(shuffled)
        lap("data")
        pixels_of_keys = processes.gather(pixels, len(batch))[torch.from_numpy(here).to(self.device)]
        views = (self.pairs.view(pixels, epoch, 0, mine, o.size),
                 self.pairs.view(pixels_of_keys, epoch, 1, batch[here], o.size))
        lap("views")
        with autocast(self.device, self.dtype):
            q = self.queries(views[0])
            with torch.no_grad():
                k = self.keys(views[1])
        keys = torch.empty(len(batch), o.dim, dtype=k.dtype, device=self.device)
        keys[torch.from_numpy(shuffled).to(self.device)] = processes.gather(k, len(batch))
        positive = keys[torch.from_numpy(processes.share(in_order)).to(self.device)]
        logits = torch.cat([(q * positive).sum(1, keepdim=True), q @ self.queue.T], 1) / o.temperature
        losses = F.cross_entropy(logits, logits.new_zeros(len(q), dtype=torch.long), reduction="none")
        loss = processes.gather(losses[:, None], len(batch)).mean()
        top1 = processes.gather((logits.detach().argmax(1, keepdim=True) == 0).float(), len(batch)).mean()
        lap("forward")
        self.update.zero_grad()
        loss.backward()
        values = read_finite(number, {"loss": loss, "top1": 100 * top1}, self.update)
        lap("backward")
        rate = self.update(number)
        follow(self.key_encoder, self.encoder, o.key_momentum)
        self.queue[self.pointer : self.pointer + len(keys)] = keys
        self.pointer = (self.pointer + len(keys)) % o.queue
        lap("optimiser")
        return {"epoch": torch.tensor(epoch), **values, "lr": rate, "images": torch.tensor(len(batch))}

    def state(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "key_encoder": self.key_encoder.state_dict(),
                "queue": self.queue, "pointer": self.pointer, "optimizer": self.update.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        for name, encoder in (("encoder", self.encoder), ("key_encoder", self.key_encoder)):
            check_numbers(encoder, state[name], "the checkpoint")
            encoder.load_state_dict(state[name])
        self.queue.copy_(state["queue"])
        self.pointer = int(state["pointer"])
        self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        """encoder.pth, the query encoder without its projection, and the checkpoint as MoCo publishes them."""
        last = self.pairs.order.batch(self.total_steps - 1)[0]
        checkpoint = published(self.state(), last + 1)
        save_torch(checkpoint, folder / f"checkpoint_{last:04d}.pth.tar")
        prefix = "module.encoder_q."
        save_torch({name.removeprefix(prefix): value for name, value in checkpoint["state_dict"].items()
                    if name.startswith(prefix) and not name.startswith(prefix + "fc.")}, folder / "encoder.pth")

    def close(self) -> None:
        self.pairs.close()
