"""What decides the result of a run. Defaults are the noise paper's at large scale: MoCo v2 with half its rate."""

from dataclasses import dataclass

from training.options import COMPUTING, OPTIMISATION, TrainingOptions
from utils.cli import UserError, non_negative, positive_int, share
from utils.options import option

MOCO = "momentum contrast"


@dataclass(frozen=True)
class Options(TrainingOptions):
    """Raises UserError for values that cannot be."""

    batch_size: int = option(256, "images a step", type=positive_int, group=OPTIMISATION)
    lr: float | None = option(None, "learning rate (default: 0.015 per 256 images of batch, as the noise paper's code "
                              "ships; MoCo v2's own is 0.03 per 256)", type=non_negative, group=OPTIMISATION)
    cosine: bool = option(True, "")
    lr_decay_epochs: tuple[int, ...] = option((), "")
    lr_decay_rate: float = option(1.0, "")

    queue: int = option(65536, "keys to tell a query from, a multiple of --batch_size", type=positive_int, group=MOCO)
    key_momentum: float = option(0.999, "share of its weights that the key encoder keeps in a step", type=share,
                                 group=MOCO)
    temperature: float = option(0.2, "of the softmax over keys", type=non_negative, group=MOCO)
    dim: int = option(128, "of queries and keys", type=positive_int, group=MOCO)
    batch_norm: str = option("shuffle", "shuffle: normalise --groups parts of a batch apart, keys in another order, so "
                             "that statistics do not give away which key is whose; sync: the whole batch together",
                             ("shuffle", "sync"), group=MOCO)
    groups: int = option(8, "parts of a batch for --batch_norm shuffle; several processes share them. 8: MoCo's GPUs",
                         type=positive_int, group=MOCO)
    size: int = option(224, "height and width of views, in pixels", type=positive_int, group=COMPUTING)

    drop_last = True

    def __post_init__(self) -> None:
        if self.queue % self.batch_size:
            fits = -(-self.queue // self.batch_size) * self.batch_size
            raise UserError(f"--queue {self.queue} is no multiple of --batch_size {self.batch_size}: a batch of keys "
                            f"would not fit at its end; pass --queue {fits}")
        if not self.temperature > 0:
            raise UserError(f"--temperature must be above 0, not {self.temperature:g}")
        if self.batch_norm == "shuffle" and (self.batch_size % self.groups or self.batch_size < 2 * self.groups):
            raise UserError(f"--batch_size {self.batch_size} does not make {self.groups} equal groups of two images or "
                            "more; change --batch_size or --groups")

    @property
    def base_lr(self) -> float:
        return 0.015 * self.batch_size / 256 if self.lr is None else self.lr

    def check_gpus(self, gpus: list[int]) -> None:
        super().check_gpus(gpus)
        if len(gpus) > 1:
            raise UserError("--gpus takes one GPU here; for several start one process a GPU: torchrun --standalone "
                            "--nproc-per-node=N -m train_moco ...")

    def groups_here(self, processes: int) -> int:
        """The groups of each of `processes`. Raises UserError if they do not share the groups, or a batch, evenly."""
        if self.batch_size % processes:
            raise UserError(f"--batch_size {self.batch_size} is no multiple of {processes} processes; change one")
        if self.batch_norm == "sync":
            return 1
        if self.groups % processes:
            raise UserError(f"--groups {self.groups} is no multiple of {processes} processes; pass one that is, as "
                            f"--groups {processes}")
        return self.groups // processes
