"""Corruptions: functions of (seed, image), against an independent package that is given the same random numbers, and
against slow ones where that package does something else."""

import warnings

import numba
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats

from datasets.corruptions import blur, digital, noise, operators
from datasets.corruptions.corrupt import FUNCTIONS, corrupt, frost_pictures
from datasets.corruptions.severities import BENCHMARKS, CORE, EXTRA, NAMES
from tests.files import user_error
from utils.seeding import generator, stable_key


def picture(side: int, seed: int = 0) -> np.ndarray:
    """uint8 [side, side, 3]: soft colours with a black corner and a grey square."""
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    image = ndimage.gaussian_filter(noise, (side / 12, side / 12, 0.5))
    image = ((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)
    image[: side // 8, : side // 8] = 0
    image[-side // 8 :, : side // 8] = 90
    return image


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.from_numpy(np.stack([picture(32, seed) for seed in range(4)]))


def difference(a, b) -> np.ndarray:
    return np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int))


def test_there_are_fifteen_and_four_at_five_severities():
    assert (len(CORE), len(EXTRA)) == (15, 4)
    for strengths in BENCHMARKS.values():
        assert set(strengths) == set(NAMES) and all(len(five) == 5 for five in strengths.values())


@pytest.mark.parametrize("name", NAMES)
def test_an_image_depends_on_its_number_and_the_seed_alone(images, name):
    numbers = np.array([5, 0, 9, 2])
    whole = corrupt(images, name, 4, 0, numbers)
    assert whole.dtype == torch.uint8 and whole.shape == images.shape
    assert not torch.equal(whole, images)
    alone = torch.cat([corrupt(images[k : k + 1], name, 4, 0, numbers[k : k + 1]) for k in (3, 2, 1, 0)]).flip(0)
    assert difference(whole, alone).max() <= 1  # a product of matrices rounds differently in another batch
    drawn = name not in ("defocus_blur", "gaussian_blur", "zoom_blur", "brightness", "contrast", "saturate", "pixelate",
                         "jpeg_compression")
    assert torch.equal(corrupt(images, name, 4, 1, numbers), whole) != drawn


@pytest.mark.parametrize("name", ["gaussian_noise", "glass_blur", "snow", "fog", "elastic_transform"])
def test_images_need_not_be_square(name):
    wide = torch.from_numpy(picture(48))[None, :40]
    assert corrupt(wide, name, 2, 0, np.array([3])).shape == (1, 40, 48, 3)


@pytest.fixture(scope="module")
def package():
    """`imagecorruptions-imaug`, with its compiled loops as plain Python so that they take our numbers."""
    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip("imagecorruptions", reason="pip install imagecorruptions-imaug to compare")
    finally:
        numba.config.DISABLE_JIT = before


@pytest.fixture
def ours(monkeypatch):
    """Makes np.random draw from one of our generators."""
    def use(numbers: np.random.Generator) -> None:
        for name in ("normal", "uniform", "random"):
            monkeypatch.setattr(np.random, name, getattr(numbers, name))
        monkeypatch.setattr(np.random, "randint", numbers.integers)
        monkeypatch.setattr(np.random, "seed", lambda *_: None)
        monkeypatch.setattr(np.random, "default_rng", lambda *_: numbers)

    return use


def theirs(package, image: np.ndarray, severity: int, name: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its libraries
        return package.corrupt(image, severity, name)


SAME = [name for name in NAMES if name not in ("shot_noise", "glass_blur", "frost", "elastic_transform")]


@pytest.mark.parametrize("name", SAME)
def test_with_the_same_numbers_the_package_gives_the_same_image(package, ours, name):
    """Off by one where a value is almost whole. Of water the package measures distances to edges approximately: there
    most pixels agree. Its flakes of severity 1 lie one pixel elsewhere than the benchmark's."""
    image = picture(64)
    for severity in (2, 3, 5):
        got = corrupt(torch.from_numpy(image)[None], name, severity, 0, np.array([7]), "imagenet-c")[0].numpy()
        ours(generator(stable_key("corruption", name, severity, 0), 7))
        away = difference(got, theirs(package, image, severity, name))
        if name == "spatter":
            assert np.mean(away <= 2) > 0.8 and away.mean() < 2, severity
        else:
            assert away.max() <= 1 + (name == "snow"), severity


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_glass_is_the_package_s_visit_of_one_pixel_after_another(package, monkeypatch, severity):
    image, (_, far, times) = picture(40), BENCHMARKS["imagenet-c"]["glass_blur"][severity - 1]
    moves = generator(stable_key("corruption", "glass_blur", severity, 0), 7).integers(-far, far, (times, 40, 40, 2))
    visits = (moves[time, y, x] for time in range(times) for y in range(40 - far, far, -1)
              for x in range(40 - far, far, -1))
    monkeypatch.setattr(np.random, "randint", lambda *_, size=None: next(visits) if size == (2,) else 0)
    monkeypatch.setattr(np.random, "seed", lambda *_: None)
    got = corrupt(torch.from_numpy(image)[None], "glass_blur", severity, 0, np.array([7]), "imagenet-c")[0]
    assert difference(got, theirs(package, image, severity, "glass_blur")).max() <= 1
    assert next(visits, None) is None


def test_frost_is_the_package_s_on_its_photographs(package, monkeypatch):
    """Of which it takes a part of another size; here the first corner."""
    image, taken = picture(64), []
    enlarge = package.corruptions.cv2.resize
    monkeypatch.setattr(package.corruptions.cv2, "resize", lambda *a, **k: taken.append(enlarge(*a, **k)) or taken[-1])
    monkeypatch.setattr(np.random, "randint", lambda low, high=None: 4 if high is None else low)
    x = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255
    for severity in (1, 5):
        want = theirs(package, image, severity, "frost")
        corner = torch.from_numpy(taken[-1][:64, :64, ::-1] / 255).permute(2, 0, 1).float()
        got = FUNCTIONS["frost"](x, BENCHMARKS["imagenet-c"]["frost"][severity - 1], [generator(0, 0)], [corner])
        assert difference((255 * got.clamp(0, 1) + 1e-3)[0].permute(1, 2, 0).to(torch.uint8), want).max() <= 1


def test_displacement_is_the_package_s_elastic_transform(package, ours):
    """Which leaves out the affine map, and has strengths of its own."""
    image = picture(64)
    numbers = generator(1, 2)
    fields = [torch.from_numpy(numbers.uniform(-0.32, 0.32, (1, 64, 64))).float() for _ in range(2)]
    right, down = (250 * 0.085 * operators.gaussian(field, 0.64, "reflect", 3.0) for field in fields)
    x = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255
    got = (255 * digital.displaced(x, right, down).clamp(0, 1) + 1e-3).to(torch.uint8)[0].permute(1, 2, 0)
    ours(generator(1, 2))
    assert difference(got, theirs(package, image, 3, "elastic_transform")).max() <= 1


def test_three_points_move_as_asked():
    """Against SciPy's affine transform of the same corners, which mirrors at the border too."""
    image = torch.from_numpy(picture(40)).permute(2, 0, 1)[None].double()
    moved = torch.tensor([[[1.5, -2.0], [0.5, 1.0], [-1.0, 2.5]]], dtype=torch.float64)
    got = digital.three_points_moved(image, moved)[0]
    corners = np.array([[33, 33], [33, 7], [7, 7]], float)  # (x, y): 20 ± 13
    forward = np.linalg.solve(np.c_[corners, np.ones(3)], corners + moved[0].numpy()).T  # of (x, y, 1)
    back = np.linalg.inv(np.r_[forward, [[0, 0, 1]]])
    swap = back[[1, 0]][:, [1, 0, 2]]
    want = [ndimage.affine_transform(channel.numpy(), swap[:, :2], swap[:, 2], order=1, mode="mirror")
            for channel in image[0]]
    np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("photons", [3, 60, 500])
def test_shot_noise_is_poisson(photons):
    """Counts of one grey value against the law, by χ² over bins of some size."""
    x = torch.full((4, 3, 50, 50), 100 / 255)
    counts = (noise.shot_noise(x, photons, [generator(9, k) for k in range(4)]) * photons).round().long().flatten()
    law = stats.poisson(photons * 100 / 255)
    edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 8)))
    seen = np.bincount(np.searchsorted(edges, counts.numpy()), minlength=len(edges) + 1)
    expected = len(counts) * np.diff(np.r_[0, law.cdf(edges), 1])
    assert ((seen - expected) ** 2 / expected).sum() < stats.chi2.ppf(1 - 1e-6, len(edges))


def test_no_noise_without_light():
    assert noise.shot_noise(torch.zeros(1, 3, 32, 32), 60, [generator(0, 0)]).abs().max() == 0


def test_drawn_frost_whitens(images):
    plain = corrupt(images, "frost", 5, 0, np.arange(4)).float()
    assert plain.mean() > images.float().mean() and 20 < plain.std() < 120


def test_what_cannot_be_corrupted(images, tmp_path):
    user_error("no corruption 'rain'; the names are gaussian_noise", corrupt, images, "rain", 1, 0, np.arange(4))
    user_error("severities are 1 to 5, not 6", corrupt, images, "fog", 6, 0, np.arange(4))
    user_error("32 pixels a side or more, not 28×28", corrupt, images[:, :28, :28], "fog", 1, 0, np.arange(4))
    user_error("no pictures of frost in", frost_pictures, tmp_path, 32)
    Image.fromarray(picture(40)).save(tmp_path / "small.png")
    user_error("small.png is too small for images of 224", frost_pictures, tmp_path, 224)
    Image.fromarray(picture(200)).save(tmp_path / "small.png")
    assert frost_pictures(tmp_path, 32)[0].shape == (3, 40, 40)
    frosted = corrupt(images, "frost", 3, 0, np.arange(4), frost=frost_pictures(tmp_path, 32))
    assert not torch.equal(frosted, corrupt(images, "frost", 3, 0, np.arange(4)))


def test_blur_of_motion_ends_where_the_line_leaves_the_image():
    x = torch.zeros(1, 3, 32, 32)
    x[..., 10, 20] = 1
    out = operators.motion(x, 6, 2.0, torch.tensor([0.0]))[0, 0]
    assert out[10, 20] > out[10, 19] > out[10, 14] > 0 and out[10, 21] == 0 and out[9].abs().max() == 0
    assert blur.gaussian_blur(x, 1, []).sum().item() == pytest.approx(3, abs=1e-5)
