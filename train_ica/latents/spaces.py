"""Where latents live, and how they and their positive partners are drawn (Zimmermann et al., ICML 2021, section 3).

    rng = generator(key, step)                                   # utils.seeding
    z = Box(5).marginal(rng, 1024, Law())
    partner = Box(5).conditional(rng, z, Law("laplace", 0.05))   # each coordinate drawn until it lies in the box

A law has a `scale`, one number or one for each dimension (anisotropic), and a density in one dimension proportional to

    laplace exp(-|x| / scale)     normal exp(-x² / (2 scale²))     gennorm exp(-|x / scale|^exponent)

On a sphere the noise is added and the sum projected back; `vmf` is the von Mises-Fisher law, whose scale is the
concentration kappa: exp(kappa cos), with the cosine of the angle to the centre. Latents are float64 [N, n] everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.cli import UserError

LAWS = ("uniform", "vmf", "laplace", "normal", "gennorm")
WIDEST = 100  # scale of noise over the width of a box: beyond it the law is uniform for all purposes, and slow to draw


@dataclass(frozen=True)
class Law:
    """A distribution on a space, around a centre unless it is uniform.

    exponent: of gennorm. least_cosine: of vmf, where above -1: only partners within that angle, a law without full
    support. Raises UserError for a scale that is not above 0, an exponent below 1, and a least cosine of 1 or more.
    """

    kind: str = "uniform"
    scale: float | tuple[float, ...] = 1.0  # or one for each dimension
    exponent: float = 3.0
    least_cosine: float = -1.0

    def __post_init__(self) -> None:
        if self.kind not in LAWS:
            raise UserError(f"there is no law called {self.kind!r}; the names are {', '.join(LAWS)}")
        if not (np.all(np.asarray(self.scale) > 0) and np.all(np.isfinite(self.scale))):
            raise UserError(f"the scale (or kappa) of {self.kind} must be above 0, not {self.scale}")
        if not self.exponent >= 1:
            raise UserError(f"the exponent of gennorm must be at least 1, not {self.exponent:g}")
        if not -1 <= self.least_cosine < 1:
            raise UserError(f"the least cosine must lie in [-1, 1), not {self.least_cosine:g}")

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent draws of scale 1 around 0."""
        if self.kind == "laplace":
            return rng.laplace(size=shape)
        if self.kind == "normal":
            return rng.standard_normal(shape)
        sizes = rng.standard_gamma(1 / self.exponent, shape) ** (1 / self.exponent)
        return sizes * rng.choice((-1.0, 1.0), shape)


def _check_dim(dim: int, least: int = 1) -> None:
    if dim < least:
        raise UserError(f"a space of this kind has at least {least} dimension{'s' * (least > 1)}, not {dim}")


@dataclass(frozen=True)
class Unbounded:
    """All of R^dim."""

    dim: int

    def __post_init__(self) -> None:
        _check_dim(self.dim)

    def marginal(self, rng: np.random.Generator, count: int, law: Law) -> np.ndarray:
        """[count, dim] around 0. Raises UserError for a law that cannot be here."""
        return self.conditional(rng, np.zeros((count, self.dim)), law)

    def conditional(self, rng: np.random.Generator, z: np.ndarray, law: Law) -> np.ndarray:
        """A partner for each row of z, [N, dim]. Raises UserError for a law that cannot be here."""
        if law.kind in ("uniform", "vmf"):
            raise UserError(f"{law.kind} does not go with an unbounded space; choose laplace, normal or gennorm")
        return z + np.asarray(law.scale) * law.noise(rng, z.shape)


@dataclass(frozen=True)
class Box:
    """[low, high]^dim."""

    dim: int
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check_dim(self.dim)
        if not self.low < self.high:
            raise UserError(f"a box needs its minimum below its maximum, not {self.low:g} and {self.high:g}")

    def marginal(self, rng: np.random.Generator, count: int, law: Law) -> np.ndarray:
        """[count, dim]: uniform, or another law around the middle. Raises UserError for a law that cannot be here."""
        middle = np.full((count, self.dim), (self.low + self.high) / 2)
        return self.conditional(rng, middle, law)

    def conditional(self, rng: np.random.Generator, z: np.ndarray, law: Law) -> np.ndarray:
        """A partner for each row of z, each coordinate drawn until it lies inside. Raises UserError for a law that
        cannot be here."""
        if law.kind == "uniform":
            return rng.uniform(self.low, self.high, z.shape)
        if law.kind == "vmf" or np.max(law.scale) > WIDEST * (self.high - self.low):
            raise UserError(f"{law.kind} of scale {law.scale} does not go with a box of width {self.high - self.low:g};"
                            " choose laplace, normal or gennorm of a smaller scale, or uniform")
        scale = np.broadcast_to(law.scale, z.shape)
        partner = z + scale * law.noise(rng, z.shape)
        while (outside := (partner < self.low) | (partner > self.high)).any():
            partner[outside] = z[outside] + scale[outside] * law.noise(rng, (int(outside.sum()),))
        return partner


@dataclass(frozen=True)
class Sphere:
    """The vectors of length `radius` in dim dimensions."""

    dim: int
    radius: float = 1.0

    def __post_init__(self) -> None:
        _check_dim(self.dim, least=2)
        if not self.radius > 0:
            raise UserError(f"the radius of a sphere must be above 0, not {self.radius:g}")

    def marginal(self, rng: np.random.Generator, count: int, law: Law) -> np.ndarray:
        """[count, dim]: uniform, or another law around the first axis. Raises UserError for a law that cannot be
        here."""
        centre = np.zeros((count, self.dim))
        centre[:, 0] = self.radius
        return self.conditional(rng, centre, law)

    def conditional(self, rng: np.random.Generator, z: np.ndarray, law: Law) -> np.ndarray:
        """A partner for each row of z, [N, dim]. Raises UserError for a law that cannot be here."""
        if law.kind == "uniform":
            return self._onto(rng.standard_normal(z.shape))
        if law.kind != "vmf":
            return self._onto(z + np.asarray(law.scale) * law.noise(rng, z.shape))
        if np.ndim(law.scale):
            raise UserError("vmf has one kappa, not one for each dimension; choose normal for an anisotropic law")
        cosine = vmf_cosines(rng, len(z), self.dim, float(law.scale), law.least_cosine)[:, None]
        unit = z / self.radius
        across = rng.standard_normal(z.shape)
        across -= (across * unit).sum(1, keepdims=True) * unit
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        return self.radius * (cosine * unit + np.sqrt(np.maximum(1 - cosine**2, 0)) * across)

    def _onto(self, x: np.ndarray) -> np.ndarray:
        return x * (self.radius / np.linalg.norm(x, axis=1, keepdims=True))


def vmf_cosines(rng: np.random.Generator, count: int, dim: int, kappa: float, least: float = -1.0) -> np.ndarray:
    """Cosines w to the centre of a von Mises-Fisher law, float64 [count]: density (1 - w²)^((dim-3)/2) exp(kappa w) on
    [least, 1].

    By the rejection of Wood ("Simulation of the von Mises Fisher distribution", 1994), which proposes beta variables
    that are moved towards 1.
    """
    m = dim - 1
    b = m / (2 * kappa + np.sqrt(4 * kappa**2 + m**2))
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + m * np.log1p(-(x0**2))
    result, found, asked = np.empty(count), 0, 0
    while found < count:
        beta = rng.beta(m / 2, m / 2, count)
        w = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
        kept = w[(kappa * w + m * np.log1p(-x0 * w) - c >= np.log(rng.random(count))) & (w >= least)][: count - found]
        result[found : found + len(kept)] = kept
        found, asked = found + len(kept), asked + count
        if asked > 10_000 * count and found < count:
            raise UserError(f"next to no partner of vmf with kappa {kappa:g} has a cosine of {least:g} or more in "
                            f"{dim} dimensions; lower the least cosine or raise kappa")
    return result


Space = Unbounded | Box | Sphere


@dataclass(frozen=True)
class Product:
    """Several spaces side by side: the latents of each, in its own columns, are drawn on their own."""

    spaces: tuple[Space, ...]

    @property
    def dim(self) -> int:
        return sum(space.dim for space in self.spaces)

    def columns(self) -> list[slice]:
        """Where the latents of each space stand."""
        ends = np.cumsum([space.dim for space in self.spaces])
        return [slice(int(end) - space.dim, int(end)) for end, space in zip(ends, self.spaces, strict=True)]

    def marginal(self, rng: np.random.Generator, count: int, laws: Sequence[Law]) -> np.ndarray:
        """[count, dim], by a law for each space."""
        return np.concatenate([space.marginal(rng, count, law)
                               for space, law in zip(self.spaces, laws, strict=True)], axis=1)

    def conditional(self, rng: np.random.Generator, z: np.ndarray, laws: Sequence[Law]) -> np.ndarray:
        """A partner for each row of z, [N, dim], by a law for each space."""
        return np.concatenate([space.conditional(rng, z[:, columns], law) for space, columns, law
                               in zip(self.spaces, self.columns(), laws, strict=True)], axis=1)
