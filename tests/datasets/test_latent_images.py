"""Folders of images with latents: ours and 3DIdent's layout, and what does not belong together."""

import numpy as np
import pytest
from PIL import Image

from datasets.image_folders.writer import write_image_folder
from datasets.latent_images import LatentImages
from generators.latent_scene import LatentScene
from tests.files import user_error


@pytest.fixture
def three_d_ident(tmp_path):
    """Twelve images as in the archive, each of one grey that its first latent tells; latents in other units."""
    (tmp_path / "images").mkdir()
    latents = np.random.default_rng(0).uniform(0, 2 * np.pi, (12, 10))
    for i in range(12):
        Image.fromarray(np.full((20, 20, 3), 20 * i, np.uint8)).save(tmp_path / "images" / f"{i:02d}.png")
    np.save(tmp_path / "raw_latents.npy", latents)
    return tmp_path


def test_3dident(three_d_ident):
    images = LatentImages(three_d_ident)
    raw = np.load(three_d_ident / "raw_latents.npy")
    assert images.read([7, 3], 10).mean((1, 2, 3)).tolist() == [140, 60]
    assert images.latents.min() == -1 and images.latents.max() == 1
    for column, other in zip(images.latents.T, raw.T, strict=True):
        assert np.corrcoef(column, other)[0, 1] == pytest.approx(1)


def test_latents_within_the_range_stay(tmp_path):
    process = LatentScene(resolution=16)
    write_image_folder(process, tmp_path, 12, name="latent_scene", image_format="png")
    images = LatentImages(tmp_path)
    np.testing.assert_array_equal(images.latents, process.latents(range(12)))
    np.testing.assert_array_equal(images.read([11, 2], 16), process.render([11, 2]))


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda root: (root / "raw_latents.npy").unlink(), "has no latents.npy or raw_latents.npy"),
    (lambda root: np.save(root / "raw_latents.npy", np.zeros((9, 10)) + np.arange(9)[:, None]), "12 images but 9 rows"),
    (lambda root: np.save(root / "raw_latents.npy", np.zeros((12, 10))), "column 0 .* is constant"),
    (lambda root: np.save(root / "raw_latents.npy", np.zeros(12)), "a row of finite numbers"),
    (lambda root: np.save(root / "raw_latents.npy", np.full((12, 2), np.nan)), "a row of finite numbers"),
    (lambda root: (root / "raw_latents.npy").write_bytes(b"none"), "is not an array"),
    (lambda root: np.save(root / "raw_latents.npy", np.array([[print]] * 12), allow_pickle=True), "is not an array"),
    (lambda root: (root / "images/11.png").rename(root / "images/last.png"), "no number for a name")])
def test_what_does_not_belong_together(three_d_ident, spoil, said):
    spoil(three_d_ident)
    user_error(said, LatentImages, three_d_ident)
