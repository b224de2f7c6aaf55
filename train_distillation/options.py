"""What decides the result of a run."""

from dataclasses import dataclass
from typing import Any

from datasets.corruptions.distortions import Distortion, parse
from losses.distillation import LOSSES
from train_distillation.teachers import Tower, load_teacher
from training.options import OPTIMISATION, TrainingOptions
from utils.cli import UserError, non_negative, positive_int, share
from utils.options import option

TEACHER, DISTORTION, LOSS = "teacher", "distortion", "loss"


@dataclass(frozen=True)
class DistortedOptions(TrainingOptions):
    """Of everything that is trained on distorted images. Defaults are those of the published students, which are
    Adam's at an almost constant rate. Raises UserError for values that cannot be."""

    teacher: str = option("efficientnet-lite0", "efficientnet-lite0, torchvision:NAME, clip:RN101, or the file of an "
                          "encoder; the student begins with its weights", group=TEACHER)
    layer: str = option("", "of the teacher, whose output is the embedding (default: the one that probes take)",
                        group=TEACHER)
    size: int | None = option(None, "height and width in pixels that it sees (default: its own)", type=positive_int,
                              group=TEACHER)
    distortion: str = option("mask:0.75", "mask:0.75, mask:0.5-0.95, noise:0.3, blur:21,5, square:50, multi:3, ... "
                             "(python -m pydoc datasets.corruptions.distortions)", group=DISTORTION)
    curriculum: bool = option(False, "raise its level from a tenth to the full one, by 1 - exp(-epoch / 5)",
                              group=DISTORTION)

    batch_size: int = option(256, "images a step", type=positive_int, group=OPTIMISATION)
    epochs: int = option(25, "passes over the images", type=positive_int, group=OPTIMISATION)
    lr: float | None = option(3e-4, "learning rate", type=non_negative, group=OPTIMISATION)
    lr_decay_epochs: tuple[int, ...] = option((), "decay at these epochs", type=int, group=OPTIMISATION)
    optimizer: str = option("adamw", "the paper's Adam is adamw without weight decay", ("sgd", "adamw"),
                            group=OPTIMISATION)
    weight_decay: float = option(0.0, "weight decay", type=non_negative, group=OPTIMISATION)

    def __post_init__(self) -> None:
        kind = self.parsed().kind
        if self.curriculum and kind in ("multi", "none"):
            raise UserError(f"--curriculum raises one level, and {self.distortion} has none")

    def parsed(self) -> Distortion:
        return parse(self.distortion)

    def load_teacher(self) -> Tower:
        """The teacher. Raises UserError, also where its images are too small for the distortion."""
        tower = load_teacher(self.teacher, self.layer, self.size)
        self.parsed().check(tower.SIZE)
        return tower

    def check(self, data: dict[str, Any]) -> None:
        super().check(data)
        self.load_teacher()

    def check_gpus(self, gpus: list[int]) -> None:
        super().check_gpus(gpus)
        if len(gpus) == 2:
            raise UserError("--gpus takes one GPU here; for two, start one process a GPU: torchrun --standalone "
                            "--nproc-per-node=2 -m ...")


@dataclass(frozen=True)
class Options(DistortedOptions):
    """Of a student."""

    loss: str = option("st", "st: tell the teacher's embedding of the clean image from those of others; ss: from the "
                       "student's of others; both; nt-xent; clip: both ways; mse", LOSSES, group=LOSS)
    tau: float = option(0.1, "temperature", type=non_negative, group=LOSS)
    dense_w: float = option(0.0, "weight of the cosine distance between the maps before pooling", type=non_negative,
                            group=LOSS)
    hold_w: float = option(0.0, "weight of the cosine distance between student and teacher on clean images, which "
                           "holds these where they are", type=non_negative, group=LOSS)
    hold_share: float = option(0.25, "with --hold_w, clean images beside the corrupted ones, as a share of them",
                               type=share, group=LOSS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tau == 0:
            raise UserError("--tau must be above 0")
        if self.hold_w and not self.hold_share:
            raise UserError("--hold_w needs clean images; pass --hold_share above 0")

    def load_teacher(self) -> Tower:
        tower = super().load_teacher()
        if self.dense_w and not tower.dense:
            raise UserError(f"{self.teacher} has no map of positions before its embedding; leave --dense_w out")
        return tower
