"""Composites: masks against a plain k-means, and images that are what the sources and the mask say."""

import numpy as np
import pytest
from scipy import ndimage, stats

from datasets.image_folders.writer import describe
from generators.mixture import Mixture
from generators.own.composite import GROUP, Composite, blend, kml_mask, two_means
from utils.cli import UserError
from utils.seeding import generator

TWO = "dead_leaves-squares=0.4 own-programs=0.6"


def plain_two_means(image: np.ndarray) -> np.ndarray:
    points = image.reshape(-1, 3).astype(float)
    centres = np.unique(image.reshape(-1, 3), axis=0)[[0, -1]].astype(float)  # sorted lexicographically
    for step in range(4):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        if step < 3:
            centres = np.stack([points[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k]
                                for k in range(2)])
    return nearest.reshape(image.shape[:2])


def test_masks_are_two_means_blurred_twice():
    sources = [generator(1, 0).integers(0, 256, (9, 14, 3), np.uint8), *Mixture(TWO, resolution=24).render(range(8))]
    for image in sources:
        plain = plain_two_means(image)
        np.testing.assert_array_equal(two_means(image), plain)
        for _ in range(2):
            ones = ndimage.uniform_filter(np.ones(plain.shape), 3, mode="constant")
            plain = ndimage.uniform_filter(plain.astype(float), 3, mode="constant") / ones
        np.testing.assert_allclose(kml_mask(image)[..., 0], plain, atol=1e-5)
    assert (two_means(np.full((5, 5, 3), 9, np.uint8)) == 0).all()


@pytest.mark.parametrize("how", ["mask", "mean"])
def test_images_are_composed_of_their_sources(how):
    process, mixture = Composite(TWO, how, 0.5, resolution=16, seed=2), Mixture(TWO, resolution=16, seed=2)
    indices = [0, 7, GROUP, 3, GROUP - 1, 21, 22, 23]
    images, lengths = process.render(indices), set()
    for image, index in zip(images, indices, strict=True):
        a, *rest = mixture.render(process.sources(index)).astype(float)
        lengths.add(len(rest))
        share = kml_mask(rest[1].astype(np.uint8)) if len(rest) == 2 else 0.5
        assert np.abs(image - (share * a + (1 - share) * rest[0] if rest else a)).max() < 0.501
        np.testing.assert_array_equal(process.render([index])[0], image)
    assert lengths == {0, 2 if how == "mask" else 1}
    assert process.render([]).shape == (0, 16, 16, 3)


def test_exposure_changes_composites_by_image():
    plain, process = Composite(TWO, chance=0.0, resolution=16), Composite(TWO, chance=0.0, exposure=True, resolution=16)
    images, lit = plain.render(range(6)).astype(float), process.render(range(6))
    for before, after in zip(images, lit, strict=True):
        inner = (after > 0) & (after < 255)
        slope, level = np.polyfit(before[inner], after[inner], 1)
        assert 0.79 < slope < 1.71 and np.abs(slope * before + level - after)[inner].max() < 1.5
    np.testing.assert_array_equal(process.render([4])[0], lit[4])


def test_sources_are_the_image_itself_and_others_of_its_two_hundred():
    process = Composite("own-programs=1", "mask", 0.7)
    chosen = [process.sources(i) for i in range(GROUP, 6 * GROUP)]
    for i, sources in enumerate(chosen, GROUP):
        assert sources[0] == i and len(set(sources)) == len(sources)
        assert (sources // GROUP == i // GROUP).all()
    composed = [sources for sources in chosen if len(sources) == 3]
    assert stats.binomtest(len(composed), len(chosen), 0.7).pvalue > 0.001
    for column in (1, 2):
        steps = [(sources[column] - sources[0]) % GROUP for sources in composed]
        assert stats.kstest(steps, stats.randint(1, GROUP).cdf).pvalue > 0.001


def test_blending_goes_from_one_to_the_other():
    a, b = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 251, np.uint8)
    np.testing.assert_array_equal(blend(a, b, 1.0), a)
    np.testing.assert_array_equal(blend(a, b, 0.0), b)
    assert (blend(a, b, np.full((2, 2, 1), 0.5, np.float32)) == 131).all()


def test_composites_of_composites():
    process = Composite("own-masks=1", "mean", resolution=16)
    assert process.render([5]).shape == (1, 16, 16, 3)
    record = describe(process, "name", 3, "jpg")["parameters"]
    assert record["components"]["own-masks"]["components"].keys() == {"own-programs", "own-textures"}


@pytest.mark.parametrize("parameters, said", [
    ({"components": ""}, "--components"), ({"components": "own-masks=0.5"}, "sum to 0.5"),
    ({"components": "own-masks=1", "how": "xor"}, "how must be one of mask, mean"),
    ({"components": "feature_vis-dead_leaves=1"}, "needs an encoder, which composites do not take"),
    ({"components": "own-masks=1", "chance": 1.5}, "chance must lie between 0 and 1, not 1.5"),
    ({"components": "own-masks=1", "chance": float("nan")}, "chance must lie between"),
    ({"components": "own-masks=1", "resolution": 0}, "resolution must lie")])
def test_mistakes_are_refused_at_once(parameters, said):
    with pytest.raises(UserError, match=said):
        Composite(**parameters)
