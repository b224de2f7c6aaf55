"""What decides the result of a run. Options that take several values have one for each part of a product of spaces."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from losses.info_nce import check_powers
from train_ica.encoders import MODELS
from train_ica.latents.mixing import ACTIVATIONS, WEIGHTS
from train_ica.latents.spaces import LAWS, Box, Law, Product, Space, Sphere, Unbounded
from training.options import COMPUTING, OPTIMISATION, TrainingOptions
from utils.cli import UserError, non_negative, positive_int, whole_number
from utils.options import option

LATENTS, OBSERVED, MODEL = "latents and positive pairs", "observations", "model and loss"


@dataclass(frozen=True)
class Options(TrainingOptions):
    """Defaults are a recipe for two cores; the setting `paper` has the published one. Raises UserError for values that
    cannot be."""

    space: tuple[str, ...] = option(("sphere",), "where latents live; several make a product", MODELS, type=str,
                                     group=LATENTS)
    n: tuple[int, ...] = option((5,), "dimensions of each space", type=int, group=LATENTS)
    marginal: tuple[str, ...] = option(("uniform",), "law of latents", LAWS, type=str, group=LATENTS)
    marginal_scale: tuple[float, ...] = option((1.0,), "its scale, or kappa", type=float, group=LATENTS)
    conditional: tuple[str, ...] = option(("vmf",), "law of the partner of a latent", LAWS, type=str, group=LATENTS)
    conditional_scale: tuple[float, ...] = option((10.0,), "its scale, or kappa", type=float, group=LATENTS)
    exponent: tuple[float, ...] = option((3.0,), "of gennorm laws", type=float, group=LATENTS)
    anisotropy: float = option(1.0, "largest scale of the partner's law over the smallest: the dimensions' scales form "
                               "a geometric series around --conditional_scale", type=float, group=LATENTS)
    least_cosine: float = option(-1.0, "of vmf partners: above -1, a law without full support", type=float,
                                 group=LATENTS)
    box_min: float = option(0.0, "of boxes", type=float, group=LATENTS)
    box_max: float = option(1.0, "of boxes", type=float, group=LATENTS)
    radius: float = option(1.0, "of spheres", type=float, group=LATENTS)

    data: str = option("", "what is observed: nothing named, a random network of the latents; latent_scene, a render "
                       "of them; a folder of images with latents, such as 3DIdent's; or the file of KITTI Masks",
                       type=str, group=OBSERVED)
    mixing_layers: int = option(3, "of the random network", type=positive_int, group=OBSERVED)
    activation: str = option("leaky_relu", "in it", tuple(ACTIVATIONS), group=OBSERVED)
    mixing_weights: str = option("uniform", "of it: well-conditioned, or orthogonal", WEIGHTS, group=OBSERVED)
    resolution: int = option(64, "of rendered images, in pixels", type=positive_int, group=OBSERVED)
    pairs: str = option("latent", "latent: partners drawn in the latent space; augmentation: two random views of one "
                        "image", ("latent", "augmentation"), group=OBSERVED)
    max_delta_t: int = option(5, "KITTI: frames between two of a pair, at most", type=positive_int, group=OBSERVED)

    mode: str = option("unsupervised", "supervised: regress the latents; identity: score the observations",
                       ("unsupervised", "supervised", "identity"), group=MODEL)
    encoder: str = option("mlp", "network", ("mlp", "cnn", "resnet18", "kitti"), group=MODEL)
    small_weights: bool = option(False, "begin with torch's own weights, as the released code does: signals fade from "
                                 "layer to layer, and training begins with a long plateau", group=MODEL)
    model: tuple[str, ...] = option(("sphere",), "space of representations", MODELS, type=str, group=MODEL)
    p: tuple[float, ...] = option((0.0,), "the loss compares by sum |difference|^p; 0: by the dot product", type=float,
                                  group=MODEL)
    tau: float = option(1.0, "temperature", type=float, group=MODEL)
    align_w: float = option(1.0, "weight of alignment", type=non_negative, group=MODEL)
    decoupled: bool = option(False, "uniformity without the positive pair: the limit for many negatives", group=MODEL)
    self_pairs: bool = option(False, "count each sample among its own negatives, as the released code does",
                              group=MODEL)
    learn_radius: bool = option(False, "learn the radius of a sphere of representations", group=MODEL)
    learn_scales: bool = option(False, "learn a weight for each dimension of the difference (AnInfoNCE)", group=MODEL)

    steps: int | None = option(1500, "steps to take", type=positive_int, group=OPTIMISATION)
    batch_size: int = option(512, "pairs a step", type=positive_int, group=OPTIMISATION)
    lr: float | None = option(1e-3, "learning rate", type=non_negative, group=OPTIMISATION)
    optimizer: str = option("adamw", "the paper's Adam is adamw without weight decay; muon (of convolutions) and "
                            "muon-linear learn more in a step, which takes longer",
                            ("sgd", "adamw", "muon", "muon-linear"), group=OPTIMISATION)
    weight_decay: float = option(0.0, "weight decay", type=non_negative, group=OPTIMISATION)
    warmup_steps: int = option(100, "linear warm-up", type=whole_number, group=OPTIMISATION)
    constant_lr: bool = option(False, "keep the rate, as the paper does; else half a cosine down to 0",
                               group=OPTIMISATION)
    cosine: bool = option(True, "", group=OPTIMISATION)  # as --constant_lr says
    lr_decay_epochs: tuple[int, ...] = option((), "", type=int, group=OPTIMISATION)

    score_every: int = option(250, "steps between two scores", type=positive_int, group=COMPUTING)
    score_samples: int = option(4096, "fresh samples of a score", type=positive_int, group=COMPUTING)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cosine", not self.constant_lr)  # the way around frozen, before anyone looks
        self.product(), self.laws("marginal"), self.laws("conditional"), self.each("model"), self.powers()
        if self.batch_size < 2:
            raise UserError("--batch_size must be at least 2: a batch of 1 has no negatives")
        if not self.tau > 0:
            raise UserError(f"--tau must be above 0, not {self.tau:g}")
        if not self.anisotropy >= 1:
            raise UserError(f"--anisotropy must be at least 1, not {self.anisotropy:g}")
        if self.learn_scales and 0 in self.powers():
            raise UserError("--learn_scales weighs differences; pass --p 2, which is the dot product on a sphere")
        if self.score_samples < 8 * (self.dim + 2):
            raise UserError(f"--score_samples must be at least {8 * (self.dim + 2)} for {self.dim} latents")
        if self.pairs == "augmentation" and not self.data:
            raise UserError("--pairs augmentation needs images; pass --data latent_scene")
        if (self.encoder == "mlp") == bool(self.data):
            raise UserError("--encoder mlp is for the random network, without --data, and the others are for images; "
                            f"pass another --encoder than {self.encoder}, or --data")

    @property
    def dim(self) -> int:
        """Latents in all."""
        return sum(self.n)

    def each(self, name: str) -> tuple[Any, ...]:
        """An option's value for each space; one value is for all. Raises UserError for another number of values."""
        values, count = getattr(self, name), len(self.space)
        if len(values) not in (1, count) or not count:
            raise UserError(f"--{name} takes one value, or one for each of the {count} spaces, not {len(values)}")
        return values * count if len(values) == 1 else values

    def product(self) -> Product:
        """The space of the latents."""
        def space(kind: str, dim: int) -> Space:
            if kind == "sphere":
                return Sphere(dim, self.radius)
            return Box(dim, self.box_min, self.box_max) if kind == "box" else Unbounded(dim)

        if len(self.n) != len(self.space):
            raise UserError(f"--n takes the dimensions of each of the {len(self.space)} spaces, not {len(self.n)} "
                            "numbers")
        return Product(tuple(map(space, self.space, self.n)))

    def laws(self, which: str) -> list[Law]:
        """`which` is marginal or conditional: its law on each space."""
        def scales(scale: float, dim: int) -> float | tuple[float, ...]:
            if which == "marginal" or self.anisotropy == 1:
                return scale
            return tuple((scale * np.geomspace(self.anisotropy**-0.5, self.anisotropy**0.5, dim)).tolist())

        laws = []
        for kind, scale, exponent, dim in zip(self.each(which), self.each(f"{which}_scale"), self.each("exponent"),
                                              self.n, strict=True):
            cosine = self.least_cosine if (which, kind) == ("conditional", "vmf") else -1.0
            laws.append(Law(kind, scales(scale, dim), exponent, cosine))
        return laws

    def powers(self) -> list[float]:
        """The exponent of the loss for each dimension."""
        each = [p for p, dim in zip(self.each("p"), self.n, strict=True) for _ in range(dim)]
        try:
            check_powers(each)
        except ValueError:
            raise UserError(f"--p must be 0 (dot product) or at least 1, not {min(p for p in each if p)}") from None
        return each
