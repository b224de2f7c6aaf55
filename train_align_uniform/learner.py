"""The contrastive encoder: two views of each image -> SmallAlexNet -> alignment and uniformity, or NT-Xent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from losses.align_uniform import align_uniform_loss
from losses.nt_xent import nt_xent_loss
from models import SmallAlexNet, save_encoder
from models.checkpoint import check_numbers
from models.small_alexnet import check_width
from training.distributed import ALONE, Processes
from training.embed import pair_model
from training.images.pairs import Pairs
from training.images.streams import PackedImages, RenderedImages
from training.laps import lap
from training.options import COMPUTING, OPTIMISATION, TrainingOptions
from training.update import Update, read_finite
from utils.cli import UserError, non_negative, share
from utils.devices import autocast
from utils.options import option


@dataclass(frozen=True)
class Options(TrainingOptions):
    """What decides the result of a run. Defaults are the paper's. Raises UserError for values that cannot be."""

    loss: str = option("align-uniform", "nt-xent is SimCLR's", ("align-uniform", "nt-xent"), group="loss")
    temperature: float = option(0.5, "temperature of nt-xent", type=non_negative, group="loss")
    align_w: float = option(1.0, "weight of alignment", type=non_negative, group="loss")
    unif_w: float = option(1.0, "weight of uniformity", type=non_negative, group="loss")
    align_alpha: float = option(2.0, "alpha in alignment", type=non_negative, group="loss")
    unif_t: float = option(2.0, "t in uniformity", type=non_negative, group="loss")
    half_size: float = option(0.0, "share of the steps, at first, whose views have half the side: a quarter of the "
                              "work, for short runs", type=share, group=OPTIMISATION)
    width: float = option(1.0, "channel multiplier; 1 is the published network", group=COMPUTING)
    batch_norm: str = option("per-view", "per-view: as on the paper's two GPUs; joint: both views in one batch",
                             ("per-view", "joint"), group=COMPUTING)

    def __post_init__(self) -> None:
        check_width(self.width)
        if self.loss == "nt-xent" and self.temperature == 0:
            raise UserError("--temperature must be above 0")

    def check_gpus(self, gpus: list[int]) -> None:
        super().check_gpus(gpus)
        if len(gpus) == 2 and self.batch_norm == "joint":
            raise UserError("--batch_norm joint needs both views on one device; pass one GPU, or --batch_norm per-view")


class AlignUniform:
    """A `training.learner.Learner` of one encoder."""

    shown = ("loss", "align", "uniform")

    def __init__(self, options: Options, images: PackedImages | RenderedImages, device: torch.device,
                 gpus: Sequence[int] = (), processes: Processes = ALONE):
        self.options, self.device, self.processes = options, device, processes
        self.total_steps = options.total_steps(images.count)
        self.pairs = Pairs(images, options, SmallAlexNet, device, processes, options.half_size)
        encoder = SmallAlexNet(options.width).initialize(options.seed)
        self.encoder, self.model = pair_model(encoder, options.batch_norm, device, gpus, options.compile, processes)
        self.update = Update(self.encoder.parameters(), options, images.count)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]

    def step(self, number: int) -> dict[str, Tensor]:
        """One step, from images to new weights. Raises UserError before numbers that are not finite, or embeddings
        without a spread, change them."""
        c, (x, y, images, epoch) = self.options, self.pairs.views(number)
        with autocast(self.device, self.dtype):
            zx, zy = self.model(x, y)
        zx, zy = self.processes.gather(zx, images), self.processes.gather(zy, images)
        loss, align, uniform = align_uniform_loss(zx, zy, c.align_w, c.unif_w, c.align_alpha, c.unif_t)
        if c.loss == "nt-xent":
            loss = nt_xent_loss(zx, zy, c.temperature)
        lap("forward")
        self.update.zero_grad()
        loss.backward()
        embeddings = torch.cat([zx, zy]).detach()
        values = read_finite(number, {"loss": loss, "align": align, "uniform": uniform,
                                      "off": (embeddings.norm(dim=1) - 1).abs().max(),
                                      "mean": embeddings.mean(dim=0).norm()}, self.update)
        self._require_spread(number, off=values.pop("off").item(), mean=values.pop("mean").item())
        lap("backward")
        rate = self.update(number)
        lap("optimiser")
        return {"epoch": torch.tensor(epoch), **values, "lr": rate, "images": torch.tensor(images)}

    def _require_spread(self, number: int, off: float, mean: float) -> None:
        """Raises UserError for embeddings off the unit sphere, where the losses mean nothing, or all in one point."""
        if off > 1e-3:
            raise UserError(f"the length of an embedding is {off:.3g} away from 1 at step {number + 1}; the encoder "
                            "must end in L2Norm, and no image may come out of its last layer as zeros")
        if mean > 1 - 1e-6:
            raise UserError(f"all embeddings are one point at step {number + 1} (alignment 0, uniformity 0): the "
                            f"encoder has collapsed. Lower --lr (now {self.options.base_lr:g}) or raise --unif_w, and "
                            "choose a new --output")

    def state(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.update.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        check_numbers(self.encoder, state["encoder"], "the checkpoint")
        self.encoder.load_state_dict(state["encoder"])
        self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        save_encoder(self.encoder, folder / "encoder.pth")

    def close(self) -> None:
        self.pairs.close()
