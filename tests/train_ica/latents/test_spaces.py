"""Spaces and laws: moments and whole distributions against the law, and what cannot be."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import ive

from train_ica.latents.spaces import Box, Law, Product, Sphere, Unbounded, vmf_cosines
from utils.cli import UserError
from utils.seeding import generator

COUNT = 20_000
LEAST_P = 1e-4  # the chance that a right sampler fails a test; seeds are fixed


def rng(number: int = 0) -> np.random.Generator:
    return generator(17, number)


DENSITIES = {Law("laplace", 0.3): stats.laplace(scale=0.3), Law("normal", 0.3): stats.norm(scale=0.3),
             Law("gennorm", 0.3, exponent=3.0): stats.gennorm(3, scale=0.3),
             Law("gennorm", 0.3, exponent=1.5): stats.gennorm(1.5, scale=0.3)}


@pytest.mark.parametrize("law", DENSITIES)
def test_unbounded_noise_follows_its_law(law):
    z = Unbounded(2).marginal(rng(), COUNT, law)
    for column in z.T:
        assert stats.kstest(column, DENSITIES[law].cdf).pvalue > LEAST_P
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / np.sqrt(COUNT)
    partner = Unbounded(2).conditional(rng(1), z, law)
    assert stats.kstest((partner - z).ravel(), DENSITIES[law].cdf).pvalue > LEAST_P


@pytest.mark.parametrize("law", DENSITIES)
@pytest.mark.parametrize("centre", [-2.0, -1.4, 0.1, 1.0])
def test_box_truncates_coordinate_by_coordinate(law, centre):
    box, density = Box(2, -2.0, 1.0), DENSITIES[law]
    partner = box.conditional(rng(), np.full((COUNT, 2), centre), law)
    assert ((partner >= -2) & (partner <= 1)).all()
    low, high = density.cdf(-2 - centre), density.cdf(1 - centre)
    assert stats.kstest(partner.ravel(), lambda x: (density.cdf(x - centre) - low) / (high - low)).pvalue > LEAST_P


def test_scales_of_their_own_for_each_dimension():
    for space in (Unbounded(2), Box(2, -1e3, 1e3)):
        noise = space.conditional(rng(), np.zeros((COUNT, 2)), Law("normal", (0.1, 2.0)))
        for column, scale in zip(noise.T, (0.1, 2.0), strict=True):
            assert stats.kstest(column, stats.norm(scale=scale).cdf).pvalue > LEAST_P


def test_uniform_marginals():
    z = Box(3, -1.0, 2.0).marginal(rng(), COUNT, Law())
    assert stats.kstest(z.ravel(), stats.uniform(-1, 3).cdf).pvalue > LEAST_P
    z = Sphere(3, radius=2.0).marginal(rng(), COUNT, Law())
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 2, rtol=1e-12)
    for column in z.T:  # Archimedes: on a sphere in three dimensions each coordinate is uniform
        assert stats.kstest(column, stats.uniform(-2, 4).cdf).pvalue > LEAST_P


def cosine_cdf(dim: int, kappa: float, least: float = -1.0):
    """Of the density in the docstring, by integration."""
    grid = np.linspace(least, 1, 4001)

    def density(w: float) -> float:
        return (1 - w * w) ** ((dim - 3) / 2) * np.exp(kappa * (w - 1))

    steps = [quad(density, a, b)[0] for a, b in pairwise(grid)]
    total = np.concatenate([[0], np.cumsum(steps)])
    return lambda w: np.interp(w, grid, total / total[-1])


@pytest.mark.parametrize(("dim", "kappa", "least"), [(3, 1.0, -1.0), (10, 10.0, -1.0), (5, 10.0, 0.9), (4, 0.01, -1.0)])
def test_vmf_cosines_follow_their_law(dim, kappa, least):
    w = vmf_cosines(rng(), COUNT, dim, kappa, least)
    assert w.min() >= least
    assert stats.kstest(w, cosine_cdf(dim, kappa, least)).pvalue > LEAST_P
    if least == -1:  # the mean cosine is a ratio of Bessel functions
        expected = ive(dim / 2, kappa) / ive(dim / 2 - 1, kappa)
        assert w.mean() == pytest.approx(expected, abs=4 * w.std() / np.sqrt(COUNT))


def test_vmf_partners_lie_around_their_latents():
    sphere = Sphere(3, radius=3.0)
    z = sphere.marginal(rng(), COUNT, Law())
    partner = sphere.conditional(rng(1), z, Law("vmf", 5.0))
    np.testing.assert_allclose(np.linalg.norm(partner, axis=1), 3, rtol=1e-12)
    cosine = (z * partner).sum(1) / 9
    assert stats.kstest(cosine, cosine_cdf(3, 5.0)).pvalue > LEAST_P
    across = partner / 3 - cosine[:, None] * z / 3  # in a direction that knows nothing of where it is
    axis = np.cross(z, [0.0, 0.0, 1.0])
    angle = np.arctan2((across * np.cross(axis, z)).sum(1) / 3, (across * axis).sum(1))
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > LEAST_P


@pytest.mark.parametrize("kind", ["laplace", "normal", "gennorm"])
def test_noise_on_a_sphere_is_projected(kind):
    sphere, law = Sphere(4, radius=2.0), Law(kind, 0.3)
    z = sphere.marginal(rng(), 100, law)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 2, rtol=1e-12)
    assert z[:, 0].mean() > 1.5  # around the first axis
    moved = z + 0.3 * law.noise(rng(1), z.shape)
    np.testing.assert_allclose(sphere.conditional(rng(1), z, law),
                               2 * moved / np.linalg.norm(moved, axis=1, keepdims=True), rtol=1e-12)


def test_products_draw_each_space_in_its_columns():
    product = Product((Sphere(3), Box(2)))
    assert product.dim == 5 and product.columns() == [slice(0, 3), slice(3, 5)]
    laws = [Law("vmf", 10.0), Law("laplace", 0.05)]
    z = product.marginal(rng(), 50, [Law(), Law()])
    partner = product.conditional(rng(1), z, laws)
    for latents in (z, partner):
        np.testing.assert_allclose(np.linalg.norm(latents[:, :3], axis=1), 1, rtol=1e-12)
        assert ((latents[:, 3:] >= 0) & (latents[:, 3:] <= 1)).all()
    np.testing.assert_array_equal(partner, product.conditional(rng(1), z, laws))


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Box(0), "at least 1 dimension"), (lambda: Sphere(1), "at least 2 dimensions"),
    (lambda: Sphere(3, radius=0), "radius"), (lambda: Box(2, 1.0, 1.0), "minimum below its maximum"),
    (lambda: Law("vmf", 0.0), "above 0"), (lambda: Law("normal", (1.0, -1.0)), "above 0"),
    (lambda: Law("laplace", float("nan")), "above 0"), (lambda: Law("gennorm", 1.0, 0.5), "at least 1"),
    (lambda: Law("cauchy"), "no law called 'cauchy'"), (lambda: Law("vmf", 1.0, least_cosine=1.0), "least cosine"),
    (lambda: Unbounded(2).marginal(rng(), 2, Law()), "does not go with an unbounded"),
    (lambda: Box(2).marginal(rng(), 2, Law("vmf", 1.0)), "does not go with a box"),
    (lambda: Box(2).marginal(rng(), 2, Law("normal", 1e9)), "does not go with a box"),
    (lambda: Sphere(2).marginal(rng(), 2, Law("vmf", (1.0, 2.0))), "one kappa"),
    (lambda: vmf_cosines(rng(), 2, 500, 0.1, 0.99), "next to no partner")])
def test_what_cannot_be(make, said):
    with pytest.raises(UserError, match=said):
        make()
