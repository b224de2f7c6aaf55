"""The training loop: images -> two views -> encoder -> loss -> optimiser, resumable at any step."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from datasets.view_parameters import draw
from datasets.views import make_views
from models import SmallAlexNet, save_encoder
from models.checkpoint import load_torch, save_torch
from train_align_uniform.distributed import ALONE, Processes
from train_align_uniform.embed import PairEncoder
from train_align_uniform.images import PackedImages, RenderedImages
from train_align_uniform.losses import align_uniform_loss, nt_xent_loss
from train_align_uniform.order import Order
from train_align_uniform.schedule import SaveClock, learning_rate
from utils.cli import UserError
from utils.devices import autocast
from utils.files import errors_name
from utils.progress import Progress
from utils.run_folder import RunFolder
from utils.workers import in_thread

SAME = 2.0  # of 255: images that differ by less on average are one image
DISK_SPEED = 100e6  # bytes/s assumed for the first checkpoint, until one has been timed


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
    precision: str = "float32"  # resolved: float32 or bfloat16
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


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT in a list instead of dying of them, so that a step can be finished and saved."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _: received.append(number))
              for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def tensorboard(folder: Path, step: int) -> Iterator[SummaryWriter]:
    """TensorBoard's writer, going on after `step`. Its thread raises a full disk in ours as well, naming `folder`; the
    traceback that the thread would print is left out."""
    before = threading.excepthook
    threading.excepthook = lambda failed: None if issubclass(failed.exc_type, OSError) else before(failed)
    try:
        with errors_name(folder), contextlib.closing(SummaryWriter(folder, purge_step=step + 1)) as board:
            yield board
    finally:
        threading.excepthook = before


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
            self.encoder.load_state_dict(state["encoder"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{path} is not a checkpoint of this run ({str(error).splitlines()[0][:120]}); delete it "
                            "to start the run again") from None

    def _follow(self, received: list[int]) -> bool:
        """Take the steps of a process that writes nothing; returns whether a signal ended them early."""
        while self.step < self.total_steps and not self.processes.any(bool(received)):
            if self._step_or_stop(received) is None:
                break
        return self.step < self.total_steps

    def _step_or_stop(self, received: list[int]) -> dict[str, float] | None:
        """`train_step`, or None if a signal came that also ended the workers who make its images."""
        try:
            return self.train_step()
        except UserError:
            if not received:
                raise
            return None

    def _write_steps(self, run: RunFolder, last: Path, received: list[int]) -> bool:
        """Take the steps, log them and save checkpoints; returns whether a signal ended them early."""
        run.keep_metrics(self.step)
        size = 2 * sum(p.numel() * p.element_size() for p in self.encoder.parameters())
        clock = SaveClock(time.monotonic(), cost=size / DISK_SPEED)
        with (
            tensorboard(run.path / "tensorboard", self.step) as board,
            Progress(self.total_steps, f"training {run.path}", "steps", done=self.step) as progress,
        ):
            while self.step < self.total_steps and not self.processes.any(bool(received)):
                began = time.monotonic()
                epoch, indices = self.order.batch(self.step)
                values = self._step_or_stop(received)
                if values is None:
                    break
                elapsed = time.monotonic() - began
                self.seconds += elapsed
                values["images_per_s"] = len(indices) / elapsed
                run.log(step=self.step, epoch=epoch, **values, seconds=round(self.seconds, 3))
                for name, value in values.items():
                    board.add_scalar(name, value, self.step)
                progress.update(1, align=values["align"], uniform=values["uniform"],
                                images_per_s=values["images_per_s"])
                if clock.due(time.monotonic()):
                    began = time.monotonic()
                    board.flush()  # a kill must not take points from before the checkpoint
                    self.save(last)
                    clock.saved(began, time.monotonic())
            board.flush()
            self.save(last)
        return self.step < self.total_steps

    def fit(self, run: RunFolder) -> int:
        """Train to the end, or until SIGTERM or SIGINT. Returns 0, or 128 + the signal's number after saving.

        Of several processes all take part and the first writes.
        """
        last = run.path / "last.pth"
        if last.exists():
            self.restore(last)
        self.processes.wait()  # until all have read it
        with stop_signals() as received, contextlib.closing(self):
            writes = self.processes.rank == 0
            stopped = self._write_steps(run, last, received) if writes else self._follow(received)
        if stopped:
            if writes:
                print(f"stopped at step {self.step} of {self.total_steps} and saved; run the same command to go on")
            return 128 + (received or [signal.SIGTERM])[0]
        if not writes:
            return 0
        save_encoder(self.encoder, run.path / "encoder.pth")
        terms = "loss", "align", "uniform"
        steps = run.metrics(*terms)
        if not steps:
            raise UserError(f"{run.metrics_path} holds no step, though {last} is at the last; put it back, or delete "
                            f"{run.path} to start again")
        run.finish(steps=self.step, seconds=round(self.seconds, 1), **{name: steps[-1][name] for name in terms})
        return 0
