"""What decides the result of a run of `train_viewmaker`."""

from dataclasses import dataclass, replace

from models import resnet18
from models.small_alexnet import SmallAlexNet, check_width
from models.viewmaker import Viewmaker, check_side
from training.options import COMPUTING, OPTIMISATION, TrainingOptions
from utils.cli import UserError, non_negative, positive_int, share
from utils.options import option

VIEWS, LOSS = "views", "loss"
ARMS = ("none", "expert", "learned", "both", "hard")
OBJECTIVES = ("simclr", "nt-xent", "align-uniform", "inst-disc")
ENCODERS = ("small_alexnet", "resnet18", "resnet50")


@dataclass(frozen=True)
class Options(TrainingOptions):
    """Defaults are the published training on CIFAR-10. Raises UserError for values that cannot be."""

    views: str = option("learned", "none: the input itself, twice; expert: crops and colours; learned: perturbed by a "
                        "network that maximises the loss; both: that on top of expert views; hard: the pair least "
                        "alike of four expert views", ARMS, group=VIEWS)
    expert: str = option("spectral", "expert views of sound: masks and noise on the spectrogram, or a part of the "
                         "waveform", ("spectral", "waveform"), group=VIEWS)
    budget: float = option(0.05, "mean change of a value of the input (pixels lie in 0..1)", type=float, group=VIEWS)
    spectral: bool = option(False, "spend the budget on coefficients of an orthonormal DCT, not on pixels",
                            group=VIEWS)
    view_width: float = option(1.0, "channel multiplier of the viewmaker; 1 is the published network", group=VIEWS)
    view_blocks: int = option(3, "residual blocks of the viewmaker", type=positive_int, group=VIEWS)
    view_lr: float = option(1e-3, "learning rate of the viewmaker, which takes Adam's steps", type=non_negative,
                            group=VIEWS)
    scheme: str = option("one-pass", "one-pass: both networks learn from one pair of views; two-pass: as published, "
                         "first the encoder and then, from another pair, the viewmaker", ("one-pass", "two-pass"),
                         group=VIEWS)

    objective: str = option("simclr", "simclr: the authors' form of it; nt-xent: SimCLR's own; align-uniform; "
                            "inst-disc: against a memory bank", OBJECTIVES, group=LOSS)
    adversary: str = option("all", "what the viewmaker maximises: all of the loss, or how far the two views of an "
                            "input lie apart", ("all", "alignment"), group=LOSS)
    temperature: float = option(0.07, "temperature (not of align-uniform)", type=non_negative, group=LOSS)
    negatives: int = option(4096, "of the memory bank, drawn for each input", type=positive_int, group=LOSS)
    bank_momentum: float = option(0.5, "share of a memory that is kept when its input is seen", type=share, group=LOSS)

    batch_size: int = option(256, "inputs a step; each gives two views", type=positive_int, group=OPTIMISATION)
    lr: float | None = option(0.03, "learning rate of the encoder", type=non_negative, group=OPTIMISATION)
    lr_decay_epochs: tuple[int, ...] = option((), "decay at these epochs", type=int, group=OPTIMISATION)

    encoder: str = option("small_alexnet", "network; the ResNets take any number of channels", ENCODERS,
                          group=COMPUTING)
    stem: int = option(3, "first layer of a resnet18: 3 pixels for inputs of 32 to 64, or torchvision's 7", (3, 7),
                       type=int, group=COMPUTING)
    width: float = option(1.0, "channel multiplier of the encoder, but of a resnet50", group=COMPUTING)
    size: int | None = option(None, "side that images are brought to, in pixels, divisible by 4 (default: what the "
                              "encoder is made for, which is also what probes show it)", type=positive_int,
                              group=COMPUTING)
    batch_norm: str = option("per-view", "per-view: each view is normalised by itself; joint: both together",
                             ("per-view", "joint"), group=COMPUTING)

    def __post_init__(self) -> None:
        check_width(self.width, resnet18.LEAST if self.encoder == "resnet18" else 96)
        if self.encoder == "resnet50" and self.width != 1:
            raise UserError("a resnet50 has width 1; leave --width out")
        if self.temperature == 0:
            raise UserError("--temperature must be above 0")
        if self.size:
            check_side(self.size)
            if self.encoder == "small_alexnet" and self.size < SmallAlexNet.LEAST:
                raise UserError(f"a small_alexnet takes --size {SmallAlexNet.LEAST} and more, not {self.size}; pass "
                                "--encoder resnet18")
        for name, default in (("spectral", False), ("adversary", "all"), ("scheme", "one-pass")):
            if not self.learns_views and getattr(self, name) != default:
                raise UserError(f"--{name} is for learned views, and --views {self.views} learns none; leave it out")
        self.viewmaker(1)

    @property
    def learns_views(self) -> bool:
        return self.views in ("learned", "both")

    def viewmaker(self, channels: int) -> Viewmaker:
        """A new viewmaker for inputs of so many channels, with the weights that a run begins with."""
        made = Viewmaker(channels, self.budget, self.view_width, self.view_blocks, self.spectral)
        return made.initialize(self.seed)

    def of_viewmaker(self) -> "Options":
        """The options of the viewmaker's optimiser: the encoder's schedule from another rate, with Adam."""
        return replace(self, lr=self.view_lr, optimizer="adamw", weight_decay=0.0)

    def check_gpus(self, gpus: list[int]) -> None:
        super().check_gpus(gpus)
        if len(gpus) > 1:
            raise UserError("two networks that learn against each other are trained on one device; pass one GPU")
