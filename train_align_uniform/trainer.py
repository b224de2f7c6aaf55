"""A training step: images -> two views -> encoder -> loss -> optimiser, and the state that goes from step to step."""

import math
import operator
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from datasets.view_parameters import draw
from datasets.views import make_views
from models import SmallAlexNet
from models.checkpoint import check_numbers, load_torch, save_torch
from train_align_uniform.distributed import ALONE, Processes
from train_align_uniform.embed import PairEncoder
from train_align_uniform.images import PackedImages, RenderedImages
from train_align_uniform.losses import align_uniform_loss, nt_xent_loss
from train_align_uniform.order import Order
from train_align_uniform.schedule import learning_rate
from utils.cli import UserError
from utils.devices import autocast
from utils.workers import in_thread

SAME = 2.0  # of 255: images that differ by less on average are one image


@dataclass(frozen=True)
class Config:
    """What decides the result of a run. Defaults are the paper's."""

    batch_size: int = 768  # images; each gives two views
    epochs: int = 200
    steps: int | None = None  # stop after so many steps instead of `epochs`
    lr: float | None = None  # default 0.12 per 256 images of batch
    lr_decay_epochs: tuple[int, ...] = (155, 170, 185)
    lr_decay_rate: float = 0.1
    warmup_steps: int = 0
    cosine: bool = False
    optimizer: str = "sgd"
    momentum: float = 0.9  # of SGD
    weight_decay: float = 1e-4
    loss: str = "align-uniform"  # or nt-xent
    temperature: float = 0.5  # of nt-xent
    align_w: float = 1.0
    unif_w: float = 1.0
    align_alpha: float = 2.0
    unif_t: float = 2.0
    width: float = 1.0
    batch_norm: str = "per-view"
    compile: bool = False  # it rounds otherwise
    precision: str = "float32"  # the paper's; the command's default is bfloat16 where the hardware has it
    seed: int = 0

    @property
    def base_lr(self) -> float:
        return 0.12 * self.batch_size / 256 if self.lr is None else self.lr

    def steps_per_epoch(self, images: int, processes: int = 1) -> int:
        """Batches in an epoch, a last smaller one included. Raises UserError for sizes that cannot be trained on."""
        if self.batch_size < 2:
            raise UserError("--batch_size must be at least 2: uniformity compares different images")
        if images < self.batch_size:
            raise UserError(f"{images} images are fewer than one batch of {self.batch_size}; generate more images, or "
                            f"pass a smaller --batch_size")
        if images % self.batch_size == 1:
            raise UserError(f"{images} images in batches of {self.batch_size} leave a last batch of one image, which "
                            "has no uniformity and no batch statistics; change --batch_size or remove an image")
        if (images % self.batch_size or self.batch_size) < 2 * processes:
            raise UserError(f"{images} images in batches of {self.batch_size} leave a batch with fewer than two images "
                            f"for each of {processes} processes; change --batch_size or start fewer")
        return math.ceil(images / self.batch_size)

    def total_steps(self, images: int) -> int:
        return self.steps if self.steps is not None else self.epochs * self.steps_per_epoch(images)


class Trainer:
    """One run on the images: the state that a checkpoint holds, and the steps that change it."""

    def __init__(self, config: Config, images: PackedImages | RenderedImages, device: torch.device,
                 gpus: Sequence[int] = (), processes: Processes = ALONE):
        self.config, self.images, self.device, self.processes = config, images, device, processes
        self.steps_per_epoch = config.steps_per_epoch(images.count, processes.count)
        self.total_steps = config.total_steps(images.count)
        self.order = Order(images.count, config.batch_size, config.seed, images.together, images.endless)
        self._stream: Generator[Tensor, None, None] | None = None  # of batches from `_next` on
        self._next = -1
        self.lap: Callable[[str], None] = lambda phase: None  # called at the end of each phase of a step
        self._require_different(images.examples())
        self.encoder = SmallAlexNet(config.width).initialize(config.seed)
        self.encoder = self.encoder.to(device, memory_format=torch.channels_last).train()
        if processes.count > 1 and device.type == "cuda":  # torch has none for CPUs, which normalise their own share
            self.encoder = nn.SyncBatchNorm.convert_sync_batchnorm(self.encoder)
        parallel = nn.DataParallel(self.encoder, list(gpus)) if len(gpus) == 2 else self.encoder
        if config.compile:
            parallel = torch.compile(parallel, dynamic=False)
        self.model: nn.Module = PairEncoder(parallel, config.batch_norm)
        if processes.count > 1:
            self.model = nn.parallel.DistributedDataParallel(self.model)
        # Fused: one pass over the weights instead of three or more.
        if config.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                self.encoder.parameters(), config.base_lr, config.momentum, weight_decay=config.weight_decay,
                fused=True)
        else:
            self.optimizer = torch.optim.AdamW(
                self.encoder.parameters(), config.base_lr, weight_decay=config.weight_decay, fused=True)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.precision]
        self.step = 0  # steps taken
        self.seconds = 0.0  # spent in them, over all starts

    @staticmethod
    def _require_different(images: np.ndarray) -> None:
        """Raises UserError for images, uint8 [N, H, W, 3], from which nothing can be learnt."""
        why = ("from which nothing can be learnt (at worst all embeddings become one point, with alignment 0 and "
               "uniformity 0); see that --data is what you mean")
        if (images == images[:, :1, :1]).all():
            raise UserError(f"each of {len(images)} images looked at is of one colour, {why}")
        differences = (np.abs(image.astype(np.int16) - images[0]).mean() for image in images)
        if max(differences) < SAME:  # of 255, as between JPEG files of one picture
            raise UserError(f"{len(images)} images looked at are one image many times, {why}")

    def close(self) -> None:
        """Stop making images ahead of time."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def pixels(self, step: int) -> Tensor:
        """This process's share of a step's batch, uint8 [B, H, W, 3]. Those of the next steps are made ahead."""
        if self._stream is None or step != self._next:
            self.close()
            shares = (self.processes.share(self.order.batch(later)[1]) for later in range(step, self.total_steps))
            stream = self.images.stream(shares)
            if self.device.type == "cuda":  # each thread has a GPU of its own that it is at
                stream = in_thread(stream, lambda: torch.cuda.set_device(self.device))
            self._stream = stream
        self._next = step + 1
        return next(self._stream).to(self.device)

    def views(self, step: int) -> tuple[Tensor, Tensor]:
        """The two views of this process's share of a step's batch, float32 [B, 3, 64, 64] each."""
        epoch, indices = self.order.batch(step)
        indices = self.processes.share(indices)
        pixels = self.pixels(step)
        self.lap("data")
        x, y = (make_views(pixels, draw(self.config.seed, epoch, view, indices, self.images.height, self.images.width),
                           SmallAlexNet.SIZE, SmallAlexNet.MEAN, SmallAlexNet.STD) for view in (0, 1))
        self.lap("views")
        return x, y

    def train_step(self) -> dict[str, float]:
        """One step, from images to new weights; returns what `update` does."""
        return self.update(*self.views(self.step))

    def update(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Change the weights by one batch of views; returns the loss, its terms and the learning rate. Raises UserError
        before a loss or gradient that is not finite changes them."""
        c = self.config
        with autocast(self.device, self.dtype):
            zx, zy = self.model(x, y)
        batch = len(self.order.batch(self.step)[1])
        zx, zy = self.processes.gather(zx, batch), self.processes.gather(zy, batch)
        loss, align, uniform = align_uniform_loss(zx, zy, c.align_w, c.unif_w, c.align_alpha, c.unif_t)
        if c.loss == "nt-xent":
            loss = nt_xent_loss(zx, zy, c.temperature)
        self._require_finite("loss", loss, self.step + 1)
        self._require_spread(zx.detach(), zy.detach())
        self.lap("forward")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in self.encoder.parameters() if p.grad is not None]
        self._require_finite("gradient", torch.nn.utils.get_total_norm(gradients), self.step + 1)
        self.lap("backward")
        lr = learning_rate(self.step, base=c.base_lr, total_steps=self.total_steps,
                           steps_per_epoch=self.steps_per_epoch, decay_epochs=c.lr_decay_epochs,
                           decay_rate=c.lr_decay_rate, warmup_steps=c.warmup_steps, cosine=c.cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.lap("optimiser")
        self.step += 1
        return {"loss": loss.item(), "align": align.item(), "uniform": uniform.item(), "lr": lr}

    def _require_spread(self, zx: Tensor, zy: Tensor) -> None:
        """Raises UserError for embeddings off the unit sphere, where the losses mean nothing, or all in one point."""
        off = (torch.cat([zx, zy]).norm(dim=1) - 1).abs().max()
        if off > 1e-3:
            raise UserError(f"the length of an embedding is {off.item():.3g} away from 1 at step {self.step + 1}; the "
                            "encoder must end in L2Norm, and no image may come out of its last layer as zeros")
        if torch.cat([zx, zy]).mean(dim=0).norm() > 1 - 1e-6:
            raise UserError(f"all embeddings are one point at step {self.step + 1} (alignment 0, uniformity 0): the "
                            f"encoder has collapsed. Lower --lr (now {self.config.base_lr:g}) or raise --unif_w, and "
                            "choose a new --output")

    def _require_finite(self, what: str, value: Tensor, step: int) -> None:
        if not torch.isfinite(value):
            raise UserError(f"the {what} became {value.item()} at step {step}; the checkpoint is as it was before it. "
                            f"Lower --lr (now {self.config.base_lr:g}), or pass --warmup_steps or --precision float32, "
                            "and choose a new --output")

    def state(self) -> dict[str, object]:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                "seconds": self.seconds}

    def save(self, path: Path) -> None:
        """Write the checkpoint. Raises UserError, and leaves the one before, when a weight is not finite."""
        weights = [tensor for tensor in self.encoder.state_dict().values() if tensor.is_floating_point()]
        self._require_finite("norm of the weights", torch.nn.utils.get_total_norm(weights), self.step)
        save_torch(self.state(), path)

    def restore(self, path: Path) -> None:
        """Take up the state in a checkpoint. Raises UserError if the file is damaged."""
        state = load_torch(path)
        try:
            check_numbers(self.encoder, state["encoder"], path)
            self.encoder.load_state_dict(state["encoder"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = operator.index(state["step"]), float(state["seconds"])
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{path} is not a checkpoint of this run ({str(error).splitlines()[0][:120]}); delete it "
                            "to start the run again") from None
