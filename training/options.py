"""The options that all trainers have in common."""

import math
from dataclasses import dataclass
from typing import Any

from utils.cli import UserError, non_negative, positive_int, whole_number
from utils.options import option

OPTIMISATION, COMPUTING = "optimisation", "encoder and device"


@dataclass(frozen=True)
class TrainingOptions:
    """What decides the result of a run, whatever it trains; a trainer adds its own. Defaults are the noise paper's."""

    batch_size: int = option(768, "images a step; each gives two views", type=positive_int, group=OPTIMISATION)
    epochs: int = option(200, "passes over the images", type=positive_int, group=OPTIMISATION)
    steps: int | None = option(None, "stop after this many steps instead of --epochs", type=positive_int,
                               group=OPTIMISATION)
    lr: float | None = option(None, "learning rate (default: 0.12 per 256 images of batch)", type=non_negative,
                              group=OPTIMISATION)
    lr_decay_epochs: tuple[int, ...] = option((155, 170, 185), "decay at these epochs", type=int, group=OPTIMISATION)
    lr_decay_rate: float = option(0.1, "factor of each decay", type=non_negative, group=OPTIMISATION)
    warmup_steps: int = option(0, "linear warm-up, for short runs", type=whole_number, group=OPTIMISATION)
    cosine: bool = option(False, "cosine decay to 0 instead of steps, for short runs", group=OPTIMISATION)
    optimizer: str = option("sgd", "sgd is the paper's; adamw, and muon still more, learn more in a short run (pass "
                            "--lr with them)", ("sgd", "adamw", "muon"), group=OPTIMISATION)
    momentum: float = option(0.9, "momentum of sgd", type=non_negative, group=OPTIMISATION)
    weight_decay: float = option(1e-4, "weight decay", type=non_negative, group=OPTIMISATION)
    compile: bool = option(False, "torch.compile the encoder, which rounds in other places: a minute or more at the "
                           "start", group=COMPUTING)
    precision: str = option("float32", "auto: bfloat16 where the hardware multiplies it, recorded in config.json; "
                            "float32, the paper's, is without TF32", ("auto", "bfloat16", "float32"), group=COMPUTING)
    seed: int = option(0, "seed of the weights, the order and the views", type=int, group=COMPUTING)

    drop_last = False  # whether batches at the end of an epoch that would be smaller are left out

    @property
    def base_lr(self) -> float:
        return 0.12 * self.batch_size / 256 if self.lr is None else self.lr

    def check_gpus(self, gpus: list[int]) -> None:
        """Raises UserError for GPUs that these options cannot train on."""
        if len(gpus) > 2:
            raise UserError(f"--gpus takes one GPU or two, not {len(gpus)}: DataParallel gives each of two GPUs one "
                            "view, and with more the batch statistics would mean something else; start one process a "
                            "GPU: torchrun --standalone --nproc-per-node=N -m ...")
        if len(set(gpus)) < len(gpus):
            raise UserError(f"--gpus names GPU {gpus[0]} twice; name two different ones, or one")
        if self.compile and len(gpus) == 2:
            raise UserError("--compile does not go with DataParallel on two GPUs; pass one GPU, or start one process a "
                            "GPU")

    def check(self, data: dict[str, Any]) -> None:
        """Raises UserError, before images are packed, for options that cannot be trained with on `data`, which is what
        config.json says of the images."""

    def steps_per_epoch(self, images: int, processes: int = 1) -> int:
        """Batches in an epoch, a last smaller one included unless `drop_last`. Raises UserError for sizes that cannot
        be trained on."""
        if self.batch_size < 2:
            raise UserError("--batch_size must be at least 2: different images are compared")
        if images < self.batch_size:
            raise UserError(f"{images} images are fewer than one batch of {self.batch_size}; generate more images, or "
                            f"pass a smaller --batch_size")
        if self.drop_last:
            return images // self.batch_size
        if images % self.batch_size == 1:
            raise UserError(f"{images} images in batches of {self.batch_size} leave a last batch of one image, which "
                            "has nothing to be compared with; change --batch_size or remove an image")
        if (images % self.batch_size or self.batch_size) < 2 * processes:
            raise UserError(f"{images} images in batches of {self.batch_size} leave a batch with fewer than two images "
                            f"for each of {processes} processes; change --batch_size or start fewer")
        return math.ceil(images / self.batch_size)

    def total_steps(self, images: int) -> int:
        return self.steps if self.steps is not None else self.epochs * self.steps_per_epoch(images)
